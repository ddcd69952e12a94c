/*
 * QTest for who closes a passed descriptor, and when
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/filter.h>
#include <linux/iommufd.h>
#include <linux/seccomp.h>
#include <linux/vfio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "iommufd-failure.h"
#include "libqtest.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"

/* Descriptors from this number on can be bound as devices */
#define FIRST_DEVICE 200

/*
 * No host with an iommufd is needed: a seccomp filter, which QEMU inherits,
 * lets these ioctls succeed on any descriptor that is at least the given one.
 * Nothing is written to their arguments, so what the kernel would have
 * returned is all zero.
 */
static const struct {
    uint32_t request;
    uint32_t first;
} succeeding[] = {
    { IOMMU_OPTION, 0 },
    { IOMMU_IOAS_ALLOC, 0 },
    { IOMMU_IOAS_MAP, 0 },
    { IOMMU_IOAS_UNMAP, 0 },
    { IOMMU_GET_HW_INFO, 0 },
    { IOMMU_HWPT_ALLOC, 0 },
    { IOMMU_DESTROY, 0 },
    { VFIO_DEVICE_BIND_IOMMUFD, FIRST_DEVICE },
    { VFIO_DEVICE_ATTACH_IOMMUFD_PT, FIRST_DEVICE },
    { VFIO_DEVICE_DETACH_IOMMUFD_PT, FIRST_DEVICE },
    { VFIO_DEVICE_GET_INFO, FIRST_DEVICE },
};

#define LOW_HALF(word) \
    (offsetof(struct seccomp_data, args[word]) + 4 * HOST_BIG_ENDIAN)

static bool install_filter(void)
{
    g_autofree struct sock_filter *filter =
        g_new0(struct sock_filter, 5 * G_N_ELEMENTS(succeeding) + 4);
    struct sock_fprog prog = { .filter = filter };
    struct sock_filter *next = filter;

    /* The system call, then the low halves of its second and first word */
    *next++ = (struct sock_filter)
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    *next++ = (struct sock_filter)
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0);
    *next++ = (struct sock_filter)
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < G_N_ELEMENTS(succeeding); i++) {
        *next++ = (struct sock_filter)
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(1));
        *next++ = (struct sock_filter)
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, succeeding[i].request, 0, 3);
        *next++ = (struct sock_filter)
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(0));
        *next++ = (struct sock_filter)
            BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, succeeding[i].first, 0, 1);
        *next++ = (struct sock_filter)
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO);
    }
    *next++ = (struct sock_filter)
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    prog.len = next - filter;

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/*
 * How many descriptors of a file the process has, and the number of one if
 * that is asked for
 */
static int find_fds(pid_t pid, const char *path, char **number)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    int count = 0;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *link = g_build_filename(folder, name, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);

        if (g_strcmp0(target, path) == 0) {
            count++;
            if (number) {
                g_free(*number);
                *number = g_strdup(name);
            }
        }
    }
    return count;
}

static int count_fds(pid_t pid, const char *path)
{
    return find_fds(pid, path, NULL);
}

/* A file that is nowhere else open */
typedef struct Passed {
    char *path;
    int fd;
} Passed;

static Passed passed_new(void)
{
    Passed passed;

    passed.fd = g_file_open_tmp("iommufd-lifetime-XXXXXX", &passed.path, NULL);
    g_assert_cmpint(passed.fd, >=, 0);
    qemu_set_cloexec(passed.fd);
    return passed;
}

static void passed_free(Passed *passed)
{
    close(passed->fd);
    unlink(passed->path);
    g_free(passed->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Passed, passed_free)

static void getfd(QTestState *qts, Passed *passed)
{
    qtest_qmp_fds_assert_success(qts, &passed->fd, 1,
                                 "{'execute': 'getfd',"
                                 " 'arguments': {'fdname': 'passed'}}");
}

/* Execute a command that has to fail */
static void G_GNUC_PRINTF(3, 4)
check_failure(QTestState *qts, const char *message, const char *fmt, ...)
{
    g_autoptr(QDict) reply = NULL;
    va_list ap;

    va_start(ap, fmt);
    reply = qtest_vqmp(qts, fmt, ap);
    va_end(ap);
    g_assert_true(qdict_haskey(reply, "error"));
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(reply, "error"), "desc"),
                    ==, message);
}

/* Execute a command that has to fail, whatever it says */
static void check_fails(QTestState *qts, const char *command)
{
    g_autoptr(QDict) reply = NULL;

    qtest_qmp_send_raw(qts, "%s", command);
    reply = qtest_qmp_receive(qts);
    g_assert_true(qdict_haskey(reply, "error"));
    g_test_message("%s", qdict_get_str(qdict_get_qdict(reply, "error"),
                                       "desc"));
}

static void object_add(QTestState *qts, const char *id, const char *fd)
{
    qtest_qmp_assert_success(qts, "{'execute': 'object-add', 'arguments':"
                                  " {'qom-type': 'iommufd', 'id': %s,"
                                  "  'fd': %s}}", id, fd);
}

static void object_del(QTestState *qts, const char *id)
{
    qtest_qmp_assert_success(qts, "{'execute': 'object-del',"
                                  " 'arguments': {'id': %s}}", id);
}

/* What getfd brought is gone with the object, so an id can come and go */
static void test_object_del(void)
{
    g_auto(Passed) passed = passed_new();
    QTestState *qts = qtest_init("-M none");
    pid_t pid = qtest_pid(qts);

    for (int i = 0; i < 3; i++) {
        getfd(qts, &passed);
        object_add(qts, "iommufd0", "passed");
        g_assert_cmpint(count_fds(pid, passed.path), ==, 1);
        object_del(qts, "iommufd0");
        g_assert_cmpint(count_fds(pid, passed.path), ==, 0);
    }
    qtest_quit(qts);
}

/* A refused object gives back what it was given, and the name with it */
static void test_object_refused(void)
{
    g_auto(Passed) passed = passed_new();
    QTestState *qts = qtest_init("-M none -object memory-backend-ram,id=x,"
                                 "size=1M");

    for (int i = 0; i < 3; i++) {
        getfd(qts, &passed);
        check_failure(qts, "attempt to add duplicate property 'x' to object "
                      "(type 'container')",
                      "{'execute': 'object-add', 'arguments':"
                      " {'qom-type': 'iommufd', 'id': 'x', 'fd': 'passed'}}");
        g_assert_cmpint(count_fds(qtest_pid(qts), passed.path), ==, 0);
    }
    qtest_quit(qts);
}

/* An inherited number stays the user's, for this object and the next one */
static void test_object_number(void)
{
    g_auto(Passed) passed = passed_new();
    g_autofree char *number = g_strdup_printf("%d", passed.fd);
    QTestState *qts;
    pid_t pid;

    g_assert_cmpint(fcntl(passed.fd, F_SETFD, 0), ==, 0);
    qts = qtest_init("-M none -object memory-backend-ram,id=x,size=1M");
    pid = qtest_pid(qts);
    check_failure(qts, "attempt to add duplicate property 'x' to object "
                  "(type 'container')",
                  "{'execute': 'object-add', 'arguments':"
                  " {'qom-type': 'iommufd', 'id': 'x', 'fd': %s}}", number);
    g_assert_cmpint(count_fds(pid, passed.path), ==, 1);

    for (int i = 0; i < 2; i++) {
        object_add(qts, "iommufd0", number);
        object_add(qts, "iommufd1", number);
        object_del(qts, "iommufd0");
        object_del(qts, "iommufd1");
        g_assert_cmpint(count_fds(pid, passed.path), ==, 1);
    }
    qtest_quit(qts);
}

static void set_fd(QTestState *qts, const char *fd)
{
    qtest_qmp_assert_success(qts, "{'execute': 'qom-set', 'arguments':"
                                  " {'path': '/objects/iommufd0',"
                                  "  'property': 'fd', 'value': %s}}", fd);
}

/* What an object had before is closed if it came by name, and only then */
static void test_object_changed(void)
{
    g_auto(Passed) first = passed_new();
    g_auto(Passed) second = passed_new();
    g_autofree char *number = g_strdup_printf("%d", second.fd);
    QTestState *qts;
    pid_t pid;

    g_assert_cmpint(fcntl(second.fd, F_SETFD, 0), ==, 0);
    qts = qtest_init("-M none -object iommufd,id=iommufd0,fd=0");
    pid = qtest_pid(qts);
    g_assert_cmpint(count_fds(pid, second.path), ==, 1);

    for (int i = 0; i < 3; i++) {
        getfd(qts, &first);
        set_fd(qts, "passed");
        g_assert_cmpint(count_fds(pid, first.path), ==, 1);
    }
    set_fd(qts, number);
    g_assert_cmpint(count_fds(pid, first.path), ==, 0);
    getfd(qts, &first);
    set_fd(qts, "passed");
    g_assert_cmpint(count_fds(pid, second.path), ==, 1);
    object_del(qts, "iommufd0");
    g_assert_cmpint(count_fds(pid, first.path), ==, 0);
    g_assert_cmpint(count_fds(pid, second.path), ==, 1);
    qtest_quit(qts);
}

/* The number of what came by name says no more than the object has it */
static void test_object_same_number(void)
{
    g_auto(Passed) passed = passed_new();
    QTestState *qts = qtest_init("-M none -object iommufd,id=iommufd0,fd=0");
    pid_t pid = qtest_pid(qts);
    g_autofree char *number = NULL;

    getfd(qts, &passed);
    set_fd(qts, "passed");
    g_assert_cmpint(find_fds(pid, passed.path, &number), ==, 1);
    set_fd(qts, number);
    g_assert_cmpint(count_fds(pid, passed.path), ==, 1);
    object_del(qts, "iommufd0");
    g_assert_cmpint(count_fds(pid, passed.path), ==, 0);
    qtest_quit(qts);
}

/* A device that is refused keeps nothing, wherever that happens */
static void test_device_refused(void)
{
    static const char *const reasons[] = {
        /* the fd alone, an object that does not exist, a wrong property */
        "'fd': 'passed'",
        "'fd': 'passed', 'iommufd': 'nosuch'",
        "'fd': 'passed', 'iommufd': 'iommufd0', 'x-no-mmap': 'maybe'",
        /* realize before the bind, and the bind */
        "'fd': 'passed', 'iommufd': 'iommufd0', 'x-balloon-allowed': true",
        "'fd': 'passed', 'iommufd': 'iommufd0'",
    };
    g_auto(Passed) passed = passed_new();
    QTestState *qts = qtest_init("-M pc -nodefaults "
                                 "-object iommufd,id=iommufd0,fd=0");

    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        g_autofree char *command =
            g_strdup_printf("{'execute': 'device_add', 'arguments':"
                            " {'driver': 'vfio-pci', %s}}", reasons[i]);

        getfd(qts, &passed);
        check_fails(qts, command);
        /* The order in which properties are set is not known */
        qobject_unref(qtest_qmp(qts, "{'execute': 'closefd', 'arguments':"
                                     " {'fdname': 'passed'}}"));
        g_assert_cmpint(count_fds(qtest_pid(qts), passed.path), ==, 0);
    }
    qtest_quit(qts);
}

/*
 * A number stays the user's if the bind fails, as it may be any descriptor,
 * and can be tried again; the kernel undoes a bind only when it is closed
 */
static void test_device_number(void)
{
    g_auto(Passed) passed = passed_new();
    QTestState *qts;
    pid_t pid;
    int device = fcntl(passed.fd, F_DUPFD, FIRST_DEVICE);
    g_autofree char *unbound =
        g_strdup_printf("{'execute': 'device_add', 'arguments':"
                        " {'driver': 'vfio-pci', 'iommufd': 'iommufd0',"
                        "  'fd': '%d'}}", passed.fd);
    g_autofree char *bound =
        g_strdup_printf("{'execute': 'device_add', 'arguments':"
                        " {'driver': 'vfio-pci', 'iommufd': 'iommufd0',"
                        "  'fd': '%d'}}", device);

    g_assert_cmpint(device, >=, FIRST_DEVICE);
    g_assert_cmpint(fcntl(passed.fd, F_SETFD, 0), ==, 0);
    qts = qtest_init("-M pc -nodefaults -object iommufd,id=iommufd0,fd=0");
    pid = qtest_pid(qts);
    g_assert_cmpint(count_fds(pid, passed.path), ==, 2);

    check_fails(qts, unbound);
    check_fails(qts, unbound);
    g_assert_cmpint(count_fds(pid, passed.path), ==, 2);
    check_fails(qts, bound);
    g_assert_cmpint(count_fds(pid, passed.path), ==, 1);
    qtest_quit(qts);
    close(device);
}

static bool has_cpr_exec(void)
{
    QTestState *qts = qtest_init("-M none");
    g_autoptr(QDict) reply =
        qtest_qmp(qts, "{'execute': 'migrate-set-parameters',"
                       " 'arguments': {'mode': 'cpr-exec'}}");

    qtest_quit(qts);
    return qdict_haskey(reply, "return");
}

/* Start QEMU as cpr-exec does, with a state that has nothing in it */
static void check_cpr(const char *machine, const char *object,
                      const char *device, const char *message)
{
    static const uint8_t state[] = { 'Q', 'C', 'P', 'R', 0, 0, 0, 1, 0, 0 };
    const char *argv[] = { g_getenv("QTEST_QEMU_BINARY"), "-M", machine,
                           "-accel", "qtest", "-display", "none",
                           "-nodefaults", "-object", object,
                           "-device", device, NULL };
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("iommufd-lifetime-XXXXXX", &path, NULL);
    g_autofree char *number = g_strdup_printf("%d", fd);
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(),
                                         "QEMU_CPR_EXEC_STATE", number, true);
    g_autofree char *err = NULL;

    g_assert_cmpint(write(fd, state, sizeof(state)), ==, sizeof(state));
    err = qemu_failure(argv, env);
    g_assert_nonnull(strstr(err, message));
    close(fd);
    unlink(path);
}

/* A command line that does not fit what CPR saved is an error, no more */
static void test_cpr_missing(void)
{
    /* Without the error, the next one is met instead */
    check_cpr("none", "iommufd,id=iommufd0,fd=0", "no-such-device",
              "no saved descriptor for iommufd object 'iommufd0' in the CPR "
              "state\n");
    check_cpr("pc", "iommufd,id=iommufd0",
              "vfio-pci,sysfsdev=/,iommufd=iommufd0",
              "device is not in the CPR state\n");
}

/* What the QEMU that CPR starts would receive, without the descriptors */
static GByteArray *cpr_state(QTestState *qts, QDict **reply)
{
    g_autofree char *dir = g_dir_make_tmp("iommufd-lifetime-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "cpr", NULL);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    GByteArray *state = g_byte_array_new();
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    uint8_t buffer[4096];
    ssize_t size;
    int fd;

    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)),
                    ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    *reply = qtest_qmp(qts, "{'execute': 'migrate', 'arguments':"
                            " {'channels': [{'channel-type': 'main', 'addr':"
                            " {'transport': 'socket', 'type': 'unix',"
                            "  'path': '/nonexistent'}},"
                            " {'channel-type': 'cpr', 'addr':"
                            " {'transport': 'socket', 'type': 'unix',"
                            "  'path': %s}}]}}", path);
    fd = accept(listener, NULL, NULL);
    g_assert_cmpint(fd, >=, 0);
    while ((size = read(fd, buffer, sizeof(buffer))) > 0) {
        g_byte_array_append(state, buffer, size);
    }
    close(fd);
    close(listener);
    unlink(path);
    rmdir(dir);
    return state;
}

/* How many descriptors have this name, and the number that the base gives */
static int count_saved(const GByteArray *state, const char *name)
{
    uint32_t length = cpu_to_be32(strlen(name) + 1);
    g_autoptr(GByteArray) entry = g_byte_array_new();
    int count = 0;

    g_byte_array_append(entry, (const uint8_t *)&length, sizeof(length));
    g_byte_array_append(entry, (const uint8_t *)name, strlen(name) + 1);
    g_byte_array_append(entry, (const uint8_t[4]) { 0 }, 4);
    for (guint i = 0; i + entry->len <= state->len; i++) {
        count += memcmp(state->data + i, entry->data, entry->len) == 0;
    }
    return count;
}

/* The connection to the next QEMU fails when the state has been read */
static void wait_for_failure(QTestState *qts)
{
    bool failed = false;

    while (!failed) {
        g_autoptr(QDict) reply = NULL;

        g_usleep(1000);
        reply = qtest_qmp_assert_success_ref(qts,
                                             "{'execute': 'query-migrate'}");
        failed = g_strcmp0(qdict_get_try_str(reply, "status"), "failed") == 0;
    }
}

static void check_saved(QTestState *qts, const char *name, int count)
{
    g_autoptr(QDict) reply = NULL;
    g_autoptr(GByteArray) state = cpr_state(qts, &reply);

    g_assert_true(qdict_haskey(reply, "return"));
    g_assert_cmpint(count_saved(state, name), ==, count);
    wait_for_failure(qts);
}

static void check_not_saved(QTestState *qts, const char *message)
{
    g_autoptr(QDict) reply = NULL;
    g_autoptr(GByteArray) state = cpr_state(qts, &reply);
    const char *desc;

    g_assert_true(qdict_haskey(reply, "error"));
    desc = qdict_get_str(qdict_get_qdict(reply, "error"), "desc");
    g_test_message("%s", desc);
    g_assert_true(g_str_has_suffix(desc, message));
}

/*
 * What is saved is what any other QEMU looks for, and is gone with its object,
 * also if the id is that of something else, which then stays.  Memory stands
 * in for a device, which would need a host that has one.
 */
static void test_cpr_saved(void)
{
    g_auto(Passed) passed = passed_new();
    QTestState *qts =
        qtest_init("-M pc,memory-backend=ram0,aux-ram-share=on -nodefaults "
                   "-m 16M -object memory-backend-memfd,id=ram0,size=16M,"
                   "share=on");

    qtest_qmp_assert_success(qts, "{'execute': 'migrate-set-parameters',"
                                  " 'arguments': {'mode': 'cpr-transfer'}}");
    getfd(qts, &passed);
    object_add(qts, "iommufd0", "passed");
    check_saved(qts, "iommufd0", 1);
    object_del(qts, "iommufd0");
    check_saved(qts, "iommufd0", 0);

    check_saved(qts, "pc.bios", 1);
    getfd(qts, &passed);
    object_add(qts, "pc.bios", "passed");
    check_not_saved(qts, "iommufd object 'pc.bios' has the id of a device or "
                    "of memory: CPR cannot tell their descriptors apart");
    object_del(qts, "pc.bios");
    check_saved(qts, "pc.bios", 1);
    qtest_quit(qts);
}

static void test_no_filter(void)
{
    g_test_skip("needs seccomp filters");
}

static void add_test(bool ready, const char *path, void (*test)(void))
{
    qtest_add_func(path, ready ? test : test_no_filter);
}

int main(int argc, char **argv)
{
    bool ready;

    g_test_init(&argc, &argv, NULL);
    ready = install_filter();

    add_test(ready, "/iommufd/object/del", test_object_del);
    add_test(ready, "/iommufd/object/refused", test_object_refused);
    add_test(ready, "/iommufd/object/number", test_object_number);
    add_test(ready, "/iommufd/object/changed", test_object_changed);
    add_test(ready, "/iommufd/object/same-number", test_object_same_number);
    add_test(ready, "/iommufd/device/refused", test_device_refused);
    add_test(ready, "/iommufd/device/number", test_device_number);
    if (has_cpr_exec()) {
        qtest_add_func("/iommufd/cpr/missing", test_cpr_missing);
        add_test(ready, "/iommufd/cpr/saved", test_cpr_saved);
    }

    return g_test_run();
}

/*
 * What to type for a host to be started in another way, for good
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "facts.h"

/* A program that keeps the words itself; @ is the word */
static const struct {
    const char *seen;
    const char *program;
    const char *add;
    const char *remove;
} keepers[] = {
    { "run/ostree-booted", "usr/bin/rpm-ostree",
      "rpm-ostree kargs --append=@", "rpm-ostree kargs --delete=@" },
    { "etc/default/grub", "usr/sbin/grubby",
      "grubby --update-kernel=ALL --args=@",
      "grubby --update-kernel=ALL --remove-args=@" },
};

#define GRUB_FILE "etc/default/grub"
#define GRUB_LINE "GRUB_CMDLINE_LINUX"
/* of systemd-boot, and of kernels that are one file with their words */
#define CMDLINE_FILE "etc/kernel/cmdline"

/* A program that takes them from a file */
static const struct {
    const char *file;
    const char *program;
    const char *run;
} takers[] = {
    { GRUB_FILE, "usr/sbin/transactional-update",
      "transactional-update grub.cfg" },
    { GRUB_FILE, "usr/sbin/update-grub", "update-grub" },
    { GRUB_FILE, "usr/sbin/grub2-mkconfig",
      "grub2-mkconfig -o /boot/grub2/grub.cfg" },
    { GRUB_FILE, "usr/bin/grub-mkconfig",
      "grub-mkconfig -o /boot/grub/grub.cfg" },
    { CMDLINE_FILE, "usr/bin/mkinitcpio", "mkinitcpio -P" },
    { CMDLINE_FILE, "usr/bin/kernel-install",
      "kernel-install add $(uname -r) /boot/vmlinuz-$(uname -r)" },
};

/* What has a root file system of its own is not started with these files */
static const char *const containers[] = {
    ".dockerenv", "run/.containerenv", "run/systemd/container",
};

static bool is_there(IOMMUFDHost *host, const char *path)
{
    return dir_seen(host->dir, path) == IOMMUFD_SEEN_YES;
}

/*
 * GRUB's file is a shell script, and others beside it can override it.  What is
 * not as distributions write it is left to people.
 */

static bool sets_words(const char *line, void *opaque)
{
    return g_str_has_prefix(line, GRUB_LINE "=\"");
}

static bool overrides_words(const char *line, void *opaque)
{
    return g_str_has_prefix(line + strspn(line, " \t"), GRUB_LINE "=");
}

/* Is it in there as a word? */
static bool has_word(const char *line, void *word)
{
    size_t len = strlen(word);
    const char *found = line;

    if (!g_str_has_prefix(line, GRUB_LINE)) {
        return false;
    }
    while ((found = strstr(found, word)) &&
           !(strchr("\" ", found[-1]) && found[len] &&
             strchr("\" ", found[len]))) {
        found++;
    }
    return found;
}

static char *edit_grub(IOMMUFDHost *host, const char *word, bool add)
{
    Dir dir = { host->root, "/etc/default/grub.d" };
    g_autoptr(GPtrArray) names = dir_list(dir, "");
    g_autofree char *line = NULL;
    g_autofree char *script = NULL;

    for (guint i = 0; add && names && i < names->len; i++) {
        g_autofree char *other = NULL;

        dir_find(dir, names->pdata[i], overrides_words, NULL, &other);
        if (other) {
            return NULL;
        }
    }
    dir_find(host->dir, GRUB_FILE, add ? sets_words : has_word, (void *)word,
             &line);
    script = filled(add ? "s/^" GRUB_LINE "=\"/&@ /" :
                    "/^" GRUB_LINE "/s/ *\\<@\\>//g", word);
    return line ? g_strdup_printf("sed -i '%s' /" GRUB_FILE, script) : NULL;
}

/* One line, without any comment */
static char *edit_cmdline(IOMMUFDHost *host, const char *word, bool add)
{
    g_autofree char *text = dir_text(host->dir, CMDLINE_FILE);
    g_auto(GStrv) words = g_strsplit(g_strchomp(text ?: (char[]){ "" }), " ",
                                     -1);
    g_autofree char *script = filled(add ? "s/$/ @/" : "s/ *\\<@\\>//g", word);

    return !text || strpbrk(text, "\n#") ||
           (!add && !g_strv_contains((const char *const *)words, word)) ?
           NULL : g_strdup_printf("sed -i '%s' /" CMDLINE_FILE, script);
}

/* With two boot loaders it is not certain which one is used */
static char *command(IOMMUFDHost *host, const char *word, bool add)
{
    const char *file = NULL;
    const char *run = NULL;
    g_autofree char *edited = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(containers); i++) {
        if (is_there(host, containers[i])) {
            return NULL;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(keepers); i++) {
        if (is_there(host, keepers[i].seen) &&
            is_there(host, keepers[i].program)) {
            return filled(add ? keepers[i].add : keepers[i].remove, word);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(takers); i++) {
        if (!is_there(host, takers[i].file) ||
            !is_there(host, takers[i].program)) {
            continue;
        }
        if (file && !g_str_equal(file, takers[i].file)) {
            return NULL;
        }
        file = takers[i].file;
        run = run ?: takers[i].run;
    }
    if (file && !is_there(host, "run/ostree-booted")) {
        edited = g_str_equal(file, GRUB_FILE) ? edit_grub(host, word, add) :
                 edit_cmdline(host, word, add);
    }
    return edited ? g_strdup_printf("%s && %s", edited, run) : NULL;
}

static char *remedy(IOMMUFDHost *host, const char *word, bool add)
{
    /* It comes from the host, and is to be typed */
    g_autofree char *typed =
        word[strspn(word, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_=,.-")] ?
        NULL : command(host, word, add);

    return g_strdup_printf("%s %s %s the kernel command line%s%s%s",
                           add ? "Add" : "Remove", word, add ? "to" : "from",
                           typed ? ": " : ", and reboot.", typed ?: "",
                           typed ? "\nThen reboot." : "");
}

char *host_boot_with(IOMMUFDHost *host, const char *word)
{
    return remedy(host, word, true);
}

char *host_boot_without(IOMMUFDHost *host, const char *word)
{
    return remedy(host, word, false);
}

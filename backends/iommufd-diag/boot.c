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
    const char *add;
    const char *remove;
} keepers[] = {
    { "run/ostree-booted",
      "rpm-ostree kargs --append=@", "rpm-ostree kargs --delete=@" },
    { "usr/sbin/grubby",
      "grubby --update-kernel=ALL --args=@",
      "grubby --update-kernel=ALL --remove-args=@" },
};

#define GRUB_FILE "etc/default/grub"
#define GRUB_LINE "GRUB_CMDLINE_LINUX="
/* also what systemd's kernel-install reads */
#define CMDLINE_FILE "etc/kernel/cmdline"

/* A program that takes them from a file */
static const struct {
    const char *file;
    const char *seen;
    const char *run;
} takers[] = {
    { GRUB_FILE, "usr/sbin/update-grub", "update-grub" },
    { GRUB_FILE, "usr/sbin/grub2-mkconfig",
      "grub2-mkconfig -o /boot/grub2/grub.cfg" },
    { GRUB_FILE, "usr/bin/grub-mkconfig",
      "grub-mkconfig -o /boot/grub/grub.cfg" },
    { CMDLINE_FILE, "usr/sbin/proxmox-boot-tool",
      "proxmox-boot-tool refresh" },
    { CMDLINE_FILE, "usr/bin/kernel-install",
      "kernel-install add $(uname -r) /boot/vmlinuz-$(uname -r)" },
};

static char *filled(const char *format, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(format, "@", 2);

    return g_strjoinv(word, parts);
}

static bool has_file(IOMMUFDHost *host, const char *file)
{
    return dir_seen(host->dir, file) == IOMMUFD_SEEN_YES;
}

/* NULL where it is not certain what to type */
static char *edit(IOMMUFDHost *host, const char *file, const char *word,
                  bool add)
{
    g_autofree char *line = NULL;
    g_autofree char *script = NULL;

    if (!add) {
        dir_find_line(host->dir, file, word, &line);
        script = filled("s/ *\\<@\\>//", word);
    } else if (g_str_equal(file, CMDLINE_FILE)) {
        dir_find_line(host->dir, file, "", &line);
        script = filled("1s/$/ @/", word);
    } else {
        line = dir_value(host->dir, file, GRUB_LINE "\"");
        script = filled("s/^" GRUB_LINE "\"/&@ /", word);
    }
    return line ? g_strdup_printf("sed -i '%s' /%s", script, file) : NULL;
}

/* With two boot loaders it is not certain either */
static char *command(IOMMUFDHost *host, const char *word, bool add)
{
    const char *file = NULL;
    const char *run = NULL;
    g_autofree char *edited = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(keepers); i++) {
        if (has_file(host, keepers[i].seen)) {
            return filled(add ? keepers[i].add : keepers[i].remove, word);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(takers); i++) {
        if (!has_file(host, takers[i].file) ||
            !has_file(host, takers[i].seen)) {
            continue;
        }
        if (file && !g_str_equal(file, takers[i].file)) {
            return NULL;
        }
        file = takers[i].file;
        run = run ?: takers[i].run;
    }
    edited = file ? edit(host, file, word, add) : NULL;
    return edited ? g_strdup_printf("%s && %s", edited, run) : NULL;
}

char *host_boot_with(IOMMUFDHost *host, const char *word)
{
    g_autofree char *typed = command(host, word, true);

    return g_strdup_printf("Add %s to the kernel command line, and reboot%s%s",
                           word, typed ? ": " : ".", typed ?: "");
}

char *host_boot_without(IOMMUFDHost *host, const char *word)
{
    g_autofree char *typed = command(host, word, false);

    return g_strdup_printf("Remove %s from the kernel command line, and "
                           "reboot%s%s", word, typed ? ": " : ".",
                           typed ?: "");
}

# SPDX-License-Identifier: GPL-2.0-or-later
#
# The short verbs. What they do is in scripts/ and tests/, each of which explains itself with --help.

PREFIX ?= /usr/local
base = $(if $(BASE),--base=$(BASE))

build:
	@scripts/build $(base)

# what the tests and the lab use
minimal:
	@scripts/build --minimal $(base)

help:
	@echo 'make                     build qemu-system-x86_64 (runs ./configure if that was not done)'
	@echo 'make minimal             build it with few features, as the tests use it'
	@echo 'make setup               install the Debian packages that are needed (root or sudo)'
	@echo 'make demo                from nothing to a device passed through a real iommufd'
	@echo 'make check               patches, unit, qtest and functional tests; with SANITIZE=1 under ASan and UBSan'
	@echo 'make check-patches       only the patches'
	@echo 'make check-series        each patch compiles, in order'
	@echo 'make check-targets       the properties of the devices on all targets'
	@echo 'make refresh             write the patch files from the prepared trees'
	@echo 'make mail TOPIC=...      write the mails of a topic of the patches, and say where to send them'
	@echo 'make lab                 a console in the lab; RUN=script runs that, KERNEL=variant picks a kernel'
	@echo 'make fuzz                fuzz the diagnosis and the tool, SECONDS=600 each (needs clang)'
	@echo 'make bench               measure; needs 20 GiB of free memory'
	@echo 'make check-libvirt       domains of libvirt with AppArmor and the packages, in a Debian in the lab (root)'
	@echo 'make check-guests        Linux guests on three kernels, a mainframe and an Arm server, 10,000 plugs'
	@echo "make check-features      compare the features with Debian's QEMU (root)"
	@echo 'make install             PREFIX=$(PREFIX) DESTDIR= APPARMOR=1'
	@echo 'make deb                 Debian packages, in a chroot of RELEASE=trixie, bookworm or sid (root)'
	@echo 'make check-deb           install, upgrade and remove the packages in a chroot of RELEASE (root)'
	@echo 'make repo                a repository for apt of the packages that were built'
	@echo
	@echo 'BASE=10.2 or BASE=10.0 picks the QEMU to work on; else it is the one configured last.'

setup:
	@scripts/setup

# other distributions get these by other means
packages:
	@! command -v apt-get >/dev/null || scripts/setup --minimal

demo: packages
	@scripts/build --minimal $(base)
	@tests/lab/demo

check: packages
	@tests/check $(base) $(if $(SANITIZE),--sanitize)

check-patches: packages
	@tests/check $(base) patches

check-libvirt:
	@ls build/packages/sid/*.$$(git rev-list --count HEAD)_*.deb >/dev/null 2>&1 || packaging/build sid
	@tests/check --base=10.2 libvirt

# Debian has no 10.2 any more to compare with
check-features:
	@tests/features --base=$(or $(BASE),10.0)

check-guests: packages
	@tests/check $(base) guests

check-series: packages
	@tests/check $(base) series

check-targets: packages
	@tests/check $(base) targets

refresh:
	@scripts/series refresh $(BASE)

mail:
	@scripts/series mail $(TOPIC)

lab: minimal
	@tests/lab/run $(if $(KERNEL),--kernel $(KERNEL)) $(RUN)

fuzz:
	@tests/fuzz/run $(SECONDS)
	@tests/fuzz/tool $(SECONDS)

bench: minimal
	@tests/bench/hotplug
	@tests/bench/start --sizes 1,4,16 --write docs/system/devices/vfio-iommufd-speed

install:
	@scripts/install $(base) --prefix='$(PREFIX)' $(if $(DESTDIR),--destdir='$(DESTDIR)') $(if $(APPARMOR),--apparmor)

deb:
	@packaging/build $(RELEASE)

check-deb:
	@packaging/check $(RELEASE)

repo:
	@packaging/repo

.PHONY: build minimal help setup packages demo check check-patches check-libvirt check-features check-guests check-series
.PHONY: check-targets refresh mail lab fuzz bench install deb check-deb repo

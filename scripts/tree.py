# SPDX-License-Identifier: GPL-2.0-or-later
"""The bases, and their prepared trees: build/<minor>/source, with the git folder build/<minor>/git."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / 'build'
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'qemu-iommufd'
# all supported minors, newest first; the shared patches are written against the newest
BASES = sorted((lock.parent.name for lock in TOP.glob('bases/*/lock')),
               key=lambda minor: [int(number) for number in minor.split('.')], reverse=True)
REFERENCE = BASES[0]
# where the fork's files are, at their path in QEMU
FOLDERS = ('backends', 'configs', 'docs', 'hw', 'include', 'qapi', 'tests', 'tools')
# of which these are not QEMU's to run, nor what lies right in tests/
NOT_LINKED = re.compile(r'tests/(?:lab/|fuzz/|patches/|[^/]*$)|.*(?:~$|/\.|__pycache__)')
AUTHOR = ('qemu-iommufd developers', 'noreply@localhost')
# The user's git configuration (hooks, diff options, signing) must not change what comes out.
CLEAN_GIT = {'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_NOSYSTEM': '1', 'LC_ALL': 'C'}
EXCLUDE = '/roms/\n/.pc/\n'


class Failure(Exception):
    """Something the user is told in one line."""


def run(main):
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f'error: {failure}')
    except KeyboardInterrupt:
        sys.exit(130)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Failure(f'{program} is not installed; run: make setup')


def output_of(*command):
    """What a program prints; it says itself why it fails, and then this program ends as well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.strip()


def shown(path):
    return path.relative_to(TOP) if path.is_relative_to(TOP) else path


def ccache_across_clones(folder):
    """An environment in which builds below `folder` in any clone share what ccache holds."""
    return dict(os.environ, CCACHE_BASEDIR=str(folder), CCACHE_NOHASHDIR='1')


class Tree:
    """A prepared tree, or a second work tree of its git folder."""

    def __init__(self, minor, folder=None, gitdir=None):
        self.minor, self.folder = minor, folder or BUILD / minor
        self.source, self.gitdir = self.folder / 'source', gitdir or self.folder / 'git'

    def try_git(self, *args, stdin=None, **env):
        """Run git; `env` is more for its environment."""
        return subprocess.run(['git', f'--git-dir={self.gitdir}', f'--work-tree={self.source}', *args],
                              cwd=self.source, env={**os.environ, **CLEAN_GIT, **env}, input=stdin,
                              check=False, capture_output=True, encoding='utf-8', errors='surrogateescape')

    def git(self, *args, stdin=None, **env):
        result = self.try_git(*args, stdin=stdin, **env)
        if result.returncode:
            raise Failure(f'git {" ".join(args)}: {result.stderr.strip()}')
        return result.stdout.removesuffix('\n')

    def commit(self, name):
        return self.try_git('rev-parse', '-q', '--verify', f'{name}^{{commit}}').stdout.strip()

    def edited(self):
        """Does it hold commits that did not come from the patch files?"""
        return self.commit('HEAD') != self.commit('refs/prepared')

    def id(self):
        """The identity of the base that it was made from, if it was made."""
        path = self.gitdir / 'base.id'
        return path.read_text().strip() if path.exists() else ''

    def version(self):
        return (self.source / 'VERSION').read_text().strip()

    def fork_files(self):
        """Path in the tree -> path in the repository. Base 10.0 has its functional tests in one folder."""
        flat, files = not (self.source / 'tests/functional/x86_64/meson.build').exists(), {}
        for path in sorted(path for folder in FOLDERS for path in (TOP / folder).rglob('*')):
            name = str(path.relative_to(TOP))
            if path.is_file() and not NOT_LINKED.match(name):
                pattern = r'^(tests/functional/)([^/]+)/test_([^/]+)$'
                files[re.sub(pattern, r'\1test_\2_\3', name) if flat else name] = name
        return files

    def link(self):
        """Make the links to the fork's files, and take away those of files that are gone."""
        record, files = self.folder / 'links', self.fork_files()
        for path, name in files.items():
            place = self.source / path
            target = os.path.relpath(TOP / name, place.parent)
            if place.is_symlink() and os.readlink(place) == target:
                continue
            if place.exists() and not place.is_symlink():
                raise Failure(f'{name}: the base, QEMU {self.version()}, has a file of this name; rename the '
                              "fork's file, or drop it")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            place.symlink_to(target)
        for path in set(record.read_text().splitlines() if record.exists() else []) - set(files):
            place = self.source / path
            place.unlink(missing_ok=True)
            while not any((place := place.parent).iterdir()):
                place.rmdir()
        (self.gitdir / 'info/exclude').write_text(EXCLUDE + ''.join(f'/{path}\n' for path in files))
        record.write_text(''.join(f'{path}\n' for path in files))


def prepared(minor):
    """The prepared tree of a base (or of `auto`), made or brought up to date first."""
    return Tree(output_of(TOP / 'scripts/prepare', '--keep-source', minor))

# SPDX-License-Identifier: GPL-2.0-or-later
"""The patch files in patches/ and bases/<minor>/patches: how they become commits, and come back."""

import collections
import email.utils
import hashlib
import os
import pathlib
import re
import shutil
import tempfile

from tree import REFERENCE, TOP, Failure, shown

ROOT = TOP / 'patches'
HEAD = ('# SPDX-License-Identifier: GPL-2.0-or-later\n'
        '# The order in which the patches apply. Written by: make refresh\n')
Patch = collections.namedtuple('Patch', 'topic name path')


def entries(path):
    """The lines of a series file that are no comments."""
    lines = path.read_text(encoding='utf-8').splitlines() if path.exists() else []
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith('#')]


def topics():
    return entries(ROOT / 'series')


def shared():
    return [Patch(topic, name, ROOT / topic / name) for topic in topics()
            for name in entries(ROOT / topic / 'series')]


def override_folder(minor):
    return TOP / 'bases' / minor / 'patches'


def overrides(minor):
    return {path.name: path for path in override_folder(minor).glob('*')}


def concerning(minor):
    """The shared patches, but for the topics that a base has nothing for."""
    return [patch for patch in shared() if patch.topic not in entries(TOP / 'bases' / minor / 'without')]


def patches_of(minor):
    """Those of one base: the shared ones, or its own in place of them; an empty file leaves a patch out."""
    own = overrides(minor)
    return [patch._replace(path=own.get(patch.name, patch.path)) for patch in concerning(minor)
            if patch.name not in own or own[patch.name].stat().st_size]


def series_id(minor):
    """Changes when a patch, its topic or the order changes."""
    digest = hashlib.sha256()
    for patch in patches_of(minor):
        digest.update(f'{patch.topic}\0{patch.name}\0'.encode())
        digest.update(patch.path.read_bytes() if patch.path.exists() else b'missing')
    return digest.hexdigest()


class Mail:
    """A patch as git format-patch writes it."""

    def __init__(self, name, data):
        self.text = data.decode('utf-8', 'surrogateescape')
        head, _, rest = self.text.partition('\n\n')
        body, start, diff = rest.partition('\ndiff --git ')
        self.body, self.diff = body.removesuffix('---\n').strip('\n') + '\n', start.lstrip('\n') + diff
        fields = dict(re.findall(r'^(From|Date|Subject): (.*(?:\n[ \t].*)*)', head, re.M))
        if len(fields) < 3 or not diff:
            raise Failure(f'{name} is not a git mail with From, Date, Subject and a diff')
        self.author, self.address = email.utils.parseaddr(fields['From'])
        self.date = fields['Date']
        self.subject = re.sub(r'\n[ \t]', ' ', fields['Subject']).removeprefix('[PATCH] ')

    def trailers(self):
        """(name, value) of each of the last lines; a line that continues one begins with a space."""
        found = re.findall(r'^([A-Z][\w-]*): *(.*(?:\n .*)*)', self.body.rpartition('\n\n')[2], re.M)
        return [(name, ' '.join(value.split())) for name, value in found]


def without(body, *names):
    """A message without some of the trailers."""
    start, gap, last = body.rpartition('\n\n')
    last = re.sub(rf'^(?:{"|".join(names)}):.*\n(?: .*\n)*', '', last, flags=re.M)
    return (start + gap + last).rstrip('\n') + '\n'


def read_mail(path):
    if not path.exists():
        raise Failure(f'{shown(path)} is in series, but there is no such file')
    return Mail(shown(path), path.read_bytes())


def why_not(path, message):
    """What git apply says, in words that name the patch, the file and the hunk."""
    found = re.search(r'patch failed: (.*):(\d+)$', message, re.M)
    if not found:
        return f'{shown(path)} does not apply: {message.strip().splitlines()[-1]}'
    text = path.read_text(encoding='utf-8', errors='replace')
    hunks = re.findall(r'^@@ -.*', text.partition(f' b/{found[1]}\n')[2].partition('\ndiff --git ')[0], re.M)
    for number, hunk in enumerate(hunks, 1):
        if re.match(rf'@@ -{found[2]}\b', hunk):
            return f'{shown(path)} does not apply: {found[1]}, hunk {number}: {hunk}'
    return f'{shown(path)} does not apply: {found[1]}, line {found[2]}'


class Index:
    """An index of its own, which leaves the work tree alone."""

    def __init__(self, tree, commit):
        self.tree, self.folder = tree, tempfile.TemporaryDirectory()
        self.git('read-tree', commit)

    def git(self, *args, **more):
        return self.tree.try_git(*args, GIT_INDEX_FILE=f'{self.folder.name}/index', **more)

    def apply(self, mail):
        """git apply knows no fuzz; what it says tells of hunks that were found at another line."""
        return self.git('apply', '--cached', '--verbose', '--whitespace=nowarn', stdin=mail.diff)

    def write(self):
        return self.git('write-tree').stdout.strip()


def commit_series(tree, offsets):
    """Make the commits of a base's patches on top of `base`, and return the last one."""
    commit = tree.commit('base')
    index = Index(tree, commit)
    for patch in patches_of(tree.minor):
        mail = read_mail(patch.path)
        applied = index.apply(mail)
        if applied.returncode:
            other = f' (on base {tree.minor}; scripts/series --help says how to give it a patch of its own)'
            raise Failure(why_not(patch.path, applied.stderr) + other * (tree.minor != REFERENCE))
        offsets += [f'{patch.name}: {line}' for line in applied.stderr.splitlines() if 'offset' in line]
        commit = tree.git(
            'commit-tree', index.write(), '-p', commit,
            stdin=f'{mail.subject}\n\n{without(mail.body, "Topic")}Topic: {patch.topic}\n',
            GIT_AUTHOR_NAME=mail.author, GIT_AUTHOR_EMAIL=mail.address, GIT_AUTHOR_DATE=mail.date,
            GIT_COMMITTER_DATE=mail.date)
    return commit


def apply(tree):
    """Bring a prepared tree to the patch files; files of it that stay the same keep their time stamps."""
    stamp, wanted, minor = tree.gitdir / 'series.id', series_id(tree.minor), tree.minor
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if tree.edited():
        raise Failure(f'the patch files have changed, and {shown(tree.source)} has commits of its own; keep '
                      f'these with: scripts/series refresh --force {minor}, or drop them with: '
                      f'scripts/series git {minor} reset --keep refs/prepared')
    unknown = overrides(minor).keys() - {patch.name for patch in concerning(minor)}
    if unknown:
        raise Failure(f'{shown(override_folder(minor) / min(unknown))}: patches/ has no patch of this name')
    commit = commit_series(tree, [])
    # a file with another time stamp is no file with other contents
    tree.try_git('update-index', '-q', '--refresh')
    moved = tree.try_git('reset', '-q', '--keep', commit)
    if moved.returncode:
        raise Failure(f'{shown(tree.source)} has uncommitted changes to files that the patches change: '
                      f'{moved.stderr.strip().splitlines()[0]}')
    tree.git('update-ref', 'refs/prepared', commit)
    stamp.write_text(wanted)


def mails_of(tree, commit):
    """(name, topic, text) of each of base..commit. Without a topic a commit has that of the one before it."""
    names, topic = set(), topics()[0]
    with tempfile.TemporaryDirectory() as work:
        tree.git('format-patch', '-q', '-o', work, '--zero-commit', '--no-signature', '--no-numbered',
                 '--no-stat', '--full-index', '--no-renames', '--no-encode-email-headers', '--always',
                 f'base..{commit}')
        for number in sorted(os.listdir(work)):
            # format-patch numbers the files in order; the series file alone is to hold the order
            name = re.sub(r'^\d+-', '', number)
            mail = Mail(f'the commit of {name}', pathlib.Path(work, number).read_bytes())
            if name in names:
                raise Failure(f'two patches have the same subject: {name}')
            names.add(name)
            topic = dict(mail.trailers()).get('Topic', topic)
            start, gap, diff = mail.text.partition('\ndiff --git ')
            yield name, topic, without(start, 'Topic') + gap + diff


def shared_files(tree, commit):
    """What refresh writes to patches/ from base..commit: path below it -> text."""
    order, files, last = topics(), {}, 0
    series = {topic: [] for topic in order}
    for name, topic, text in mails_of(tree, commit):
        if topic not in order:
            raise Failure(f'{name}: patches/series has no topic {topic}')
        if order.index(topic) < last:
            raise Failure(f'{name} of the topic {topic} comes after a patch of {order[last]}; patches/series '
                          'has these topics in another order')
        last = order.index(topic)
        series[topic].append(name)
        files[f'{topic}/{name}'] = text
    for topic, names in series.items():
        if not names:
            raise Failure(f'the topic {topic} has no patch left; take it out of patches/series, remove '
                          'its folder, then run: scripts/series refresh --force')
        files[f'{topic}/series'] = HEAD + ''.join(f'{name}\n' for name in names)
    return files


def override_files(tree, commit):
    """What refresh writes to bases/<minor>/patches: name -> text of what differs from the shared patches."""
    texts = {name: text for name, _, text in mails_of(tree, commit)}
    commits = dict(zip(texts, tree.git('rev-list', '--reverse', f'base..{commit}').split()))
    known, files = [patch.name for patch in concerning(tree.minor)], {}
    for name in texts:
        if name not in known:
            raise Failure(f'{name} is a commit on base {tree.minor} only; add it to base {REFERENCE} first, '
                          'and refresh that')
    if list(texts) != (order := [name for name in known if name in texts]):
        name = next(name for name, wanted in zip(texts, order) if name != wanted)
        raise Failure(f'the commits on base {tree.minor} are not in the order of patches/, from {name} on')
    for patch in concerning(tree.minor):
        if patch.name not in commits:
            files[patch.name] = ''
            continue
        wanted, mail = commits[patch.name], read_mail(patch.path)
        own = Mail(patch.name, texts[patch.name].encode('utf-8', 'surrogateescape'))
        index = Index(tree, f'{wanted}^')
        if (own.subject, own.body) != (mail.subject, mail.body) or index.apply(mail).returncode \
                or index.write() != tree.git('rev-parse', f'{wanted}^{{tree}}'):
            files[patch.name] = texts[patch.name]
    return files


def files_of(tree, commit):
    """The folder that refresh writes, and the files that belong there."""
    if tree.git('rev-list', '--min-parents=2', f'base..{commit}'):
        raise Failure(f'{shown(tree.source)} has a merge commit; each patch is one commit')
    if tree.minor == REFERENCE:
        return ROOT, shared_files(tree, commit)
    return override_folder(tree.minor), override_files(tree, commit)


def replace(folder, files):
    """Put the files in place of the patches of a folder, in one step: a failure leaves it as it was."""
    new, old = (folder.with_name(f'.{folder.name}.{end}') for end in ('new', 'old'))
    try:
        for left in new, old:
            shutil.rmtree(left, ignore_errors=True)
        if folder == ROOT:
            shutil.copytree(folder, new, ignore=shutil.ignore_patterns('*.patch'))
        for name, text in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(text.encode('utf-8', 'surrogateescape'))
        if folder.exists():
            folder.rename(old)
        if new.exists():
            new.rename(folder)
    finally:
        for left in new, old:
            shutil.rmtree(left, ignore_errors=True)

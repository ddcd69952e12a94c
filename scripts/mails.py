# SPDX-License-Identifier: GPL-2.0-or-later
"""The patches of a topic as the mails that are sent to QEMU's lists."""

import os
import re
import shutil
import subprocess

import patches
from tree import AUTHOR, REFERENCE, TOP, Failure, prepared, shown

OURS = ('Status', 'Drop-when', 'Adds', 'Topic')


def cover(topic):
    """Subject, version and text of the cover letter, which cover.txt of the topic has."""
    path = patches.ROOT / topic / 'cover.txt'
    head, _, text = (path.read_text(encoding='utf-8') if path.exists() else '').partition('\n\n')
    fields = dict(re.findall(r'^(Subject|Version): *(.*\S)$', head, re.M))
    return fields.get('Subject', ''), int(fields.get('Version', '1')), text.strip()


def added(mail, files):
    """The fork's files that come with a patch, by path in QEMU."""
    words = ' '.join(value for name, value in mail.trailers() if name == 'Adds').split()
    return [path for path in files
            if any(path == word or word.endswith('/') and path.startswith(word) for word in words)]


def commits(tree, tip):
    """Each of base..tip with the files that it adds and without our own trailers: [(topic, commit)]."""
    files, result, parent, total = tree.fork_files(), [], tree.commit('base'), {}
    for commit in tree.git('rev-list', '--reverse', f'base..{tip}').split():
        author, date, message = tree.git('log', '-1', '--format=%an <%ae>%n%ai%n%B', commit).split('\n', 2)
        subject, _, body = message.partition('\n\n')
        text = f'From: {author}\nDate: {date}\nSubject: {subject}\n\n{body}\n\ndiff --git none'
        mail = patches.Mail(commit, text.encode('utf-8', 'surrogateescape'))
        for path in added(mail, files):
            source = TOP / files[path]
            mode = '100755' if os.access(source, os.X_OK) else '100644'
            total[path] = f'{mode} {tree.git("hash-object", "-w", "--no-filters", source)}\t{path}\n'
        index = patches.Index(tree, commit)
        index.git('update-index', '--add', '--index-info', stdin=''.join(total.values()))
        parent = tree.git('commit-tree', index.write(), '-p', parent,
                          stdin=f'{subject}\n\n{patches.without(mail.body, *OURS)}',
                          GIT_AUTHOR_NAME=mail.author, GIT_AUTHOR_EMAIL=mail.address, GIT_AUTHOR_DATE=date,
                          GIT_COMMITTER_DATE=date)
        result.append((dict(mail.trailers())['Topic'], parent))
    return result


def format_topic(tree, chain, topic, folder):
    """Write the mails of one topic."""
    own = [commit for name, commit in chain if name == topic]
    subject, version, body = cover(topic)
    prefix = 'PATCH' + f' v{version}' * (version > 1)
    tree.git('format-patch', '-q', '-o', str(folder), '--numbered', '--cover-letter', '--signature=',
             f'--subject-prefix={prefix}', '--no-renames', f'{own[0]}^..{own[-1]}')
    letter = folder / '0000-cover-letter.patch'
    text = letter.read_text(encoding='utf-8')
    letter.write_text(text.replace('*** SUBJECT HERE ***', subject).replace('*** BLURB HERE ***', body),
                      encoding='utf-8')
    return sorted(folder.glob('*.patch'))


def write(topic, folder):
    """Write the mails of a topic, run QEMU's own checks on them, and print where they go."""
    if topic not in patches.topics():
        raise Failure(f'there is no topic {topic}; there are: {" ".join(patches.topics())}')
    tree = prepared(REFERENCE)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mails = format_topic(tree, commits(tree, 'HEAD'), topic, folder.resolve())
    failed = 0
    for mail in mails:
        print(shown(mail))
        check = subprocess.run(['perl', 'scripts/checkpatch.pl', '--terse', '--no-summary', mail],
                               cwd=tree.source, stdout=subprocess.PIPE, text=True, check=False)
        # that a new file may need a line in MAINTAINERS is for the readers to say
        said = [line for line in check.stdout.splitlines() if 'MAINTAINERS' not in line]
        for line in said:
            print(f'    {line}')
        failed += any('ERROR' in line for line in said)
    if not (tree.source / 'MAINTAINERS').exists():
        raise Failure('the base has no MAINTAINERS, so there is nobody to send the mails to')
    found = subprocess.run(['perl', 'scripts/get_maintainer.pl', '--nogit', '--no-git-fallback', *mails[1:]],
                           cwd=tree.source, stdout=subprocess.PIPE, text=True, check=False).stdout
    for line in found.splitlines():
        address, _, role = line.rpartition(' (')
        print(f'{"To" if "list" in role else "Cc"}: {address}')
    return 1 if failed else 0

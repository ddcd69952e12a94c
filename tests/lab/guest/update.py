# SPDX-License-Identifier: GPL-2.0-or-later
"""
Another QEMU takes the place of a nested one, and its devices (CPR).
"""

import contextlib
import json
import os

from nested import Failed, wait_until

MAIN = {'transport': 'socket', 'type': 'unix', 'path': '/tmp/main.sock'}
CPR = {'transport': 'socket', 'type': 'unix', 'path': '/tmp/cpr.sock'}
FILE = {'transport': 'file', 'filename': '/tmp/main.state', 'offset': 0}
CHANNELS = {
    'cpr-transfer': [{'channel-type': 'main', 'addr': MAIN},
                     {'channel-type': 'cpr', 'addr': CPR}],
    'cpr-exec': [{'channel-type': 'main', 'addr': FILE}],
}
# seconds for what another QEMU does
LIMIT = 60


def _transfer(source):
    """Called while the new QEMU waits for its state."""
    wait_until(lambda: os.path.exists(CPR['path']), 'the new QEMU waits', LIMIT)
    source.qmp.command('migrate', {'channels': CHANNELS['cpr-transfer']})


def _execute(source, command):
    """Called when the command line of the new QEMU is known."""
    source.qmp.command('migrate-set-parameters', {'cpr-exec-command': command})
    source.qmp.command('migrate', {'channels': CHANNELS['cpr-exec']})


def replace(source, mode, program, words):
    """Let another QEMU take the place of one; that QEMU."""
    source.qmp.command('migrate-set-parameters', {'mode': mode})
    if mode == 'cpr-exec':
        source.become(program, words + ['-incoming', json.dumps(CHANNELS[mode][0])],
                      lambda command: _execute(source, command))
        target = source
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(CPR['path'])
        incoming = [word for channel in CHANNELS[mode]
                    for word in ('-incoming', json.dumps(channel))]
        target = source.successor(words + incoming, program=program,
                                  started=lambda: _transfer(source))
        source.finish_migration()
    wait_until(lambda: target.migration() == 'completed', 'the new QEMU goes on', LIMIT)
    return target


def wait_for_failure(source):
    """Wait for the end of a migration that cannot succeed."""
    wait_until(lambda: source.migration() == 'failed', 'the transfer fails', LIMIT)

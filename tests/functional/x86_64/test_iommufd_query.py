#!/usr/bin/env python3
#
# What query-iommufd and info iommufd tell of a host and a device
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import re

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'


class IommufdQuery(IommufdLabTest):
    """One device is plugged and unplugged, over QMP."""

    COMMAND = f'bind {EDU} && hotplug --query --times 1 '

    # what the lab has printed
    text = ''

    @staticmethod
    def answers(output):
        """The answers before, while and after the device is there."""
        return {when: json.loads(answer) for when, answer in
                re.findall('^query-iommufd, (.*?): (.*)$', output, re.M)}

    def query(self, options='', kernel='full'):
        """Plug and unplug, and query."""
        self.boot_lab(kernel)
        self.text = self.succeed_in_lab(f'{self.COMMAND} {options} {EDU}')
        return self.answers(self.text)

    def check_object(self, answers, descriptor):
        """The object and its device, and that both follow the hotplug."""
        self.assertEqual(answers['idle']['objects'], [])
        obj, = answers['plugged']['objects']
        self.assertEqual(obj['id'], 'iommufd0')
        self.assertEqual(obj['descriptor'], descriptor)
        self.assertEqual(obj['accounting'], 'user')
        self.assertEqual(obj['users'], 1)
        device, = obj['devices']
        self.assertEqual(device['id'], 'hostdev0')
        self.assertEqual(device['host-device'], EDU)
        self.assertEqual(device['driver'], 'vfio-pci')
        ids = [device[name] for name in ('devid', 'ioas', 'hwpt')]
        self.assertEqual(len(set(ids)), 3, ids)
        tracking = 'yes' if device['dirty-tracking'] else 'no'
        self.assertIn('  vfio-pci "hostdev0": host device %s, devid %d, '
                      'IOAS %d, HWPT %d\n    dirty tracking: %s\n'
                      % (EDU, *ids, tracking), self.text)
        unplugged, = answers['unplugged']['objects']
        self.assertEqual(unplugged['users'], 0)
        self.assertEqual(unplugged['devices'], [])

    def test_dirty_tracking(self):
        """The kernel says the same."""
        self.boot_lab()
        self.assertIn('as the kernel says: no\n', self.succeed_in_lab(
            f'bind {EDU} && dirty-tracking {EDU}'))

    def test_opened(self):
        answers = self.query('--last-by-path')
        kernel = answers['idle']['kernel']
        self.assertTrue(answers['idle']['available'])
        self.assertNotIn('cause', answers['idle'])
        self.assertEqual(kernel, {'default-accounting': 'user',
                                  'map-file': False, 'change-process': False,
                                  'interrupt-isolation': True,
                                  'allow-unsafe-interrupts': False})
        self.check_object(answers, 'opened')
        self.assertNotIn('accounting', answers['unplugged']['objects'][0])

    def test_passed(self):
        # QEMU does not see the node, and is told by the descriptor
        answers = self.query()
        self.assertFalse(answers['idle']['available'])
        self.assertEqual(answers['idle']['cause'], 'node-missing')
        self.assertIn('/dev/iommu does not exist here',
                      answers['idle']['message'])
        self.assertTrue(answers['plugged']['available'])
        self.assertEqual(answers['plugged']['kernel']['object'], 'iommufd0')
        self.check_object(answers, 'passed')
        self.assertTrue(answers['unplugged']['available'])

    def test_no_interrupt_isolation(self):
        self.boot_lab(append='intremap=off')
        output = self.fail_in_lab(f'{self.COMMAND} --last-by-path {EDU}')
        idle = self.answers(output)['idle']
        self.assertTrue(idle['available'])
        self.assertFalse(idle['kernel']['interrupt-isolation'])
        self.assertEqual(idle['cause'], 'no-interrupt-isolation')
        self.assertIn(f"iommufd is available, but {idle['message']} "
                      f"({idle['cause']})\n", output)
        # and so it is
        self.assertIn('error: device_add: ', output)

    def test_newest(self):
        answers = self.query('--last-by-path', kernel='newest')
        self.assertTrue(answers['idle']['kernel']['map-file'])
        self.assertTrue(answers['idle']['kernel']['change-process'])
        self.check_object(answers, 'opened')


if __name__ == '__main__':
    IommufdLabTest.main()

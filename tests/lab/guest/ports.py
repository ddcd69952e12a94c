# SPDX-License-Identifier: GPL-2.0-or-later
"""
Root ports of a nested QEMU, into which devices are plugged, and the guest's part in that.
"""

PCIHP_BASE = 0xcc0


class RootPort:
    """One of them: the device has a bus of its own, and room for a BAR."""

    def __init__(self, number=0):
        self.id = f'rp{number}'
        self.slot = self.bus = number + 1
        self.bar = 0xe0000000 + number * 0x100000
        self.selector = None

    def options(self):
        """QEMU's options for it."""
        return ['-device', f'pcie-root-port,id={self.id},chassis={self.slot},addr={self.slot:x}.0']

    def set_up(self, nested):
        """What a guest's firmware does: give it a bus and memory."""
        nested.config_write(0, self.slot, 0x18, self.bus << 16 | self.bus << 8)
        nested.config_write(0, self.slot, 0x20, self.bar | self.bar >> 16)
        nested.config_write(0, self.slot, 0x04, 0x6)
        self.selector = nested.qmp.command('qom-get', {
            'path': f'/machine/peripheral/{self.id}/{self.id}', 'property': 'acpi-pcihp-bsel'})

    def asked(self, nested):
        """Whether the guest is asked to give up the device."""
        nested.qtest('outl', PCIHP_BASE + 0x10, self.selector)
        return bool(int(nested.qtest('inl', PCIHP_BASE + 0x04), 16) & 1)

    def eject(self, nested, device='hostdev0'):
        """What a guest does that is asked to give up a device."""
        # the ACPI method _EJ0: choose the bus, eject the slot
        nested.qtest('outl', PCIHP_BASE + 0x10, self.selector)
        nested.qtest('outl', PCIHP_BASE + 0x08, 1)
        while nested.qmp.wait_event('DEVICE_DELETED').get('device') != device:
            pass

    def unplug(self, nested, device='hostdev0'):
        """device_del, and the guest's answer to it."""
        nested.qmp.command('device_del', {'id': device})
        self.eject(nested, device)

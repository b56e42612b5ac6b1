/** What to do about faults that a boot session's timeline and the network doctor both can see: one wording for both. */
export const faultRemedies = {
  'rival-server': 'Remove option 66/67 or the PXE setting in that server (often the router).',
  'wrong-interface': 'Add the interface to boot.interfaces, or check the VLAN of the port.',
  relay: 'Put the board into the segment of the server. A Pi 4 or 5 can cross a relay, or have TFTP_IP in its EEPROM.',
  'no-addresses':
    'There is no DHCP server on this segment, or its pool is empty. Connect the router, or set boot.dhcp.mode to full.',
  'not-answered':
    'See the log of the server: a reply may have been refused by the network, or been meant for another server.',
  mtu: 'Lower boot.tftp.maxBlockSize (1024, then 512), or find the VPN or VLAN that takes the room.',
  'answers-lost': 'A firewall stops answers from ports other than 69: open it, or set boot.tftp.singlePort.',
  'file-too-big': 'Update the EEPROM to 2025-09-23 or later, or make the file smaller.',
  clock: 'Check the date of the server: the board takes its time from there.',
  'identity-conflict': 'Set TFTP_PREFIX=2 (the MAC) in the EEPROM of one of them, and delete the wrong record.',
} as const;

// The name of the card whose functions are PCI functions, in options:nic and nic/show.

export const PCI_CARD = 'vfio';

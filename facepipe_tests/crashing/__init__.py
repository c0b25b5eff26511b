"""What breaks in the middle of real work: processes are killed, disks fail, clocks jump."""

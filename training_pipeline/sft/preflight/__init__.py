"""What is found out before anything is trained: what the data would be refused for, and how fast the machine is."""

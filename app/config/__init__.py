"""What an operator may set: the settings, their values, and the sections of the configuration file."""

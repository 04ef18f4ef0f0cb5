"""Metrics as Prometheus reads them: of the installation, read when asked for, and of this process."""

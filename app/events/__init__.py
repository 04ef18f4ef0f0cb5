"""Telling the outside: the sequencer, webhooks and MQTT; each a loop of steps that the database can resume."""

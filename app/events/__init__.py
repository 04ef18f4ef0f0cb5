"""Sending events outside: sequencer, webhooks, MQTT, files, EventBridge, each a loop that can resume."""

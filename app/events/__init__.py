"""The websocket side: messages to bytes (`binary`), per-client queues (`outbox`), who is connected (`hub`)."""

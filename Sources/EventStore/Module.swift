enum EventStoreModule {}

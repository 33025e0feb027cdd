enum CollectModule {}

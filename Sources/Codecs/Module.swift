enum CodecsModule {}

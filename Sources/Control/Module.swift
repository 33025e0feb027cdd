enum ControlModule {}

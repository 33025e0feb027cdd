enum ExportsModule {}

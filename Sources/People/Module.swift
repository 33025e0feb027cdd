enum PeopleModule {}

// Another program as a child. Two of the calls that it takes are extensions of the C library that Swift does not see.
#ifndef SLUICE_SPAWN_H
#define SLUICE_SPAWN_H

#include <sys/types.h>

/// Starts a program in a group of processes of its own, in a folder, with no open files but nothing to read and one file to write to.
/// The texts are borrowed for the call; both lists end with null. Returns 0, or the error's number.
int sluice_spawn(const char *program, char *const *arguments, char *const *environment, const char *folder, const char *output,
                 pid_t *made);

#endif

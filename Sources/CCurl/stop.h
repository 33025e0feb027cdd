// What lets another thread end a transfer; shared by the transfers of this target.
#ifndef SLUICE_STOP_H
#define SLUICE_STOP_H

#include <stdatomic.h>

struct sluice_mail_stop {
  atomic_int now;
};

#endif

// Debian's libpq, as it is.
#ifndef SLUICE_CPOSTGRES_H
#define SLUICE_CPOSTGRES_H

#include <postgresql/libpq-fe.h>

#endif

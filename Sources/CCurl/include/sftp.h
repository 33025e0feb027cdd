// One transfer by SFTP, through Debian's libcurl and its libssh2.
#ifndef SLUICE_SFTP_H
#define SLUICE_SFTP_H

#include <stddef.h>
#include "mail.h"

/// Where bytes that are read go; answers whether more are wanted.
typedef int (*sluice_sftp_take)(void *context, const char *bytes, size_t count);

/// What is done. All texts are borrowed for the call; those that may be null say so.
typedef struct {
  /// sftp://HOST:PORT/PATH; a path that ends in a slash is a folder, whose names are read.
  const char *url;
  /// HOST:PORT:ADDRESS[,ADDRESS]: where that host is, whatever its name means elsewhere.
  const char *resolve;
  const char *username;
  /// Either may be null, not both.
  const char *password;
  const char *private_key;
  /// What opens the key; may be null.
  const char *passphrase;
  /// Lines as in a file known_hosts; a host that is not in them is not spoken to.
  const char *known_hosts;
  /// A file that is sent; null to send `bytes`, or to read.
  const char *file;
  /// What is sent where there is no file; null to read.
  const char *bytes;
  size_t length;
  sluice_sftp_take take;
  void *context;
  /// Commands before and after the transfer.
  const char *const *before;
  size_t before_count;
  const char *const *after;
  size_t after_count;
  /// Whether nothing is read or sent: the commands alone.
  int only_commands;
  long connect_timeout_ms;
  /// After so many seconds without a byte it is given up.
  long stall_seconds;
  sluice_mail_stop *stop;
} sluice_sftp;

typedef enum {
  SLUICE_SFTP_OK = 0,
  SLUICE_SFTP_LOGIN,
  SLUICE_SFTP_CONNECT,
  SLUICE_SFTP_TIMEOUT,
  SLUICE_SFTP_HOST_KEY,
  SLUICE_SFTP_NOT_FOUND,
  SLUICE_SFTP_DENIED,
  SLUICE_SFTP_FULL,
  SLUICE_SFTP_LOCAL,
  SLUICE_SFTP_STOPPED,
  SLUICE_SFTP_BROKEN
} sluice_sftp_kind;

typedef struct {
  sluice_sftp_kind kind;
  /// What libcurl says of it; none of what is secret is in it.
  char reason[256];
} sluice_sftp_result;

/// Does it once. Blocking.
void sluice_sftp_do(const sluice_sftp *sftp, sluice_sftp_result *result);

#endif

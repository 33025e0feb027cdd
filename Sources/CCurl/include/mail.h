// One mail by SMTP, through Debian's libcurl. Variadic set-up calls are not visible to Swift, so one function stands for all of it.
#ifndef SLUICE_MAIL_H
#define SLUICE_MAIL_H

#include <stddef.h>

/// Lets another thread end a transfer that is under way.
typedef struct sluice_mail_stop sluice_mail_stop;
sluice_mail_stop *sluice_mail_stop_new(void);
void sluice_mail_stop_now(sluice_mail_stop *stop);
void sluice_mail_stop_free(sluice_mail_stop *stop);

/// What is sent, and where to. All texts are borrowed for the call; those that may be null say so.
typedef struct {
  /// smtp://HOST:PORT/OUR-NAME, or smtps:// for TLS from the first byte.
  const char *url;
  /// HOST:PORT:ADDRESS[,ADDRESS]: where that host is, whatever its name means elsewhere; null for a host that is an address.
  const char *resolve;
  /// Whether a connection that does not begin with TLS must turn to it.
  int must_encrypt;
  /// A file of further roots, in PEM; may be null.
  const char *roots;
  /// Both null for no log-in.
  const char *username;
  const char *password;
  const char *sender;
  const char *const *recipients;
  size_t recipient_count;
  /// The mail as it goes over the wire, lines ended by CR LF; null to connect, log in, and leave.
  const char *message;
  size_t length;
  long timeout_ms;
  long connect_timeout_ms;
  sluice_mail_stop *stop;
} sluice_mail;

typedef enum {
  SLUICE_MAIL_OK = 0,
  /// The server answered with a code that is no success.
  SLUICE_MAIL_ANSWERED,
  SLUICE_MAIL_LOGIN,
  SLUICE_MAIL_CONNECT,
  SLUICE_MAIL_TIMEOUT,
  SLUICE_MAIL_CERTIFICATE,
  SLUICE_MAIL_TLS,
  SLUICE_MAIL_NO_TLS,
  SLUICE_MAIL_BROKEN,
  SLUICE_MAIL_STOPPED,
  SLUICE_MAIL_OTHER
} sluice_mail_kind;

typedef struct {
  sluice_mail_kind kind;
  /// The server's last code; 0 if it said none.
  long code;
  /// Whether a connection was there.
  int connected;
  /// The server's last line.
  char answer[512];
  /// The address that was dialled.
  char peer[64];
  long long connect_us;
  long long tls_us;
  long long total_us;
} sluice_mail_result;

/// Sends once. Blocking, for as long as the time-out at most.
void sluice_mail_send(const sluice_mail *mail, sluice_mail_result *result);

#endif

#define _GNU_SOURCE
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sftp.h"
#include "stop.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void begin(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

typedef struct {
  FILE *file;
  const char *bytes;
  size_t left;
} source;

static size_t give(char *into, size_t size, size_t count, void *context) {
  source *from = context;
  size_t room = size * count;
  if (from->file) {
    size_t n = fread(into, 1, room, from->file);
    return n == 0 && ferror(from->file) ? CURL_READFUNC_ABORT : n;
  }
  size_t n = from->left < room ? from->left : room;
  memcpy(into, from->bytes, n);
  from->bytes += n;
  from->left -= n;
  return n;
}

static size_t take(char *bytes, size_t size, size_t count, void *context) {
  const sluice_sftp *sftp = context;
  size_t n = size * count;
  if (!sftp->take) return n;
  return sftp->take(sftp->context, bytes, n) ? n : 0;
}

static int look(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a;
  (void)b;
  (void)c;
  (void)d;
  sluice_mail_stop *stop = context;
  return atomic_load(&stop->now);
}

// Only a host whose key is known is spoken to.
static int judge(CURL *curl, const struct curl_khkey *known, const struct curl_khkey *found, enum curl_khmatch match,
                 void *context) {
  (void)curl;
  (void)known;
  (void)found;
  int *was_refused = context;
  if (match == CURLKHMATCH_OK) return CURLKHSTAT_FINE;
  *was_refused = 1;
  return CURLKHSTAT_REJECT;
}

// libssh2 wants files: these are in memory, and nobody else sees them.
static int hidden(const char *text, char *path, size_t size) {
  int file = memfd_create("sluice", MFD_CLOEXEC);
  if (file < 0) return -1;
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t n = write(file, text, left);
    if (n <= 0) {
      close(file);
      return -1;
    }
    text += n;
    left -= (size_t)n;
  }
  snprintf(path, size, "/proc/self/fd/%d", file);
  return file;
}

static struct curl_slist *list(const char *const *texts, size_t count) {
  struct curl_slist *all = NULL;
  for (size_t n = 0; n < count; n++) all = curl_slist_append(all, texts[n]);
  return all;
}

static sluice_sftp_kind kind_of(CURLcode code, int was_refused) {
  switch (code) {
    case CURLE_OK: return SLUICE_SFTP_OK;
    case CURLE_LOGIN_DENIED: return SLUICE_SFTP_LOGIN;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST: return SLUICE_SFTP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: return SLUICE_SFTP_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION: return SLUICE_SFTP_HOST_KEY;
    case CURLE_REMOTE_FILE_NOT_FOUND: return SLUICE_SFTP_NOT_FOUND;
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_QUOTE_ERROR:
    case CURLE_UPLOAD_FAILED: return SLUICE_SFTP_DENIED;
    case CURLE_REMOTE_DISK_FULL: return SLUICE_SFTP_FULL;
    case CURLE_ABORTED_BY_CALLBACK: return SLUICE_SFTP_STOPPED;
    case CURLE_READ_ERROR: return SLUICE_SFTP_LOCAL;
    default: return was_refused ? SLUICE_SFTP_HOST_KEY : SLUICE_SFTP_BROKEN;
  }
}

void sluice_sftp_do(const sluice_sftp *sftp, sluice_sftp_result *result) {
  pthread_once(&once, begin);
  memset(result, 0, sizeof *result);
  result->kind = SLUICE_SFTP_LOCAL;
  char hosts[64], key[64], error[CURL_ERROR_SIZE] = "";
  int was_refused = 0, key_file = -1;
  source from = {NULL, sftp->bytes, sftp->length};
  long long length = (long long)sftp->length;
  int hosts_file = hidden(sftp->known_hosts, hosts, sizeof hosts);
  if (hosts_file < 0) return;
  if (sftp->private_key && (key_file = hidden(sftp->private_key, key, sizeof key)) < 0) goto close_hosts;
  if (sftp->file) {
    struct stat about;
    from.file = fopen(sftp->file, "rbe");
    if (!from.file || fstat(fileno(from.file), &about) != 0) goto close_all;
    length = about.st_size;
  }
  CURL *curl = curl_easy_init();
  if (!curl) goto close_all;
  struct curl_slist *place = curl_slist_append(NULL, sftp->resolve);
  struct curl_slist *before = list(sftp->before, sftp->before_count);
  struct curl_slist *after = list(sftp->after, sftp->after_count);
  curl_easy_setopt(curl, CURLOPT_URL, sftp->url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "sftp");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  // Neither a proxy of the environment nor another address than the one that was judged.
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_RESOLVE, place);
  curl_easy_setopt(curl, CURLOPT_USERNAME, sftp->username);
  curl_easy_setopt(curl, CURLOPT_SSH_KNOWNHOSTS, hosts);
  curl_easy_setopt(curl, CURLOPT_SSH_KEYFUNCTION, judge);
  curl_easy_setopt(curl, CURLOPT_SSH_KEYDATA, &was_refused);
  if (sftp->private_key) {
    curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PUBLICKEY);
    curl_easy_setopt(curl, CURLOPT_SSH_PRIVATE_KEYFILE, key);
    curl_easy_setopt(curl, CURLOPT_SSH_PUBLIC_KEYFILE, "");
    if (sftp->passphrase) curl_easy_setopt(curl, CURLOPT_KEYPASSWD, sftp->passphrase);
  } else {
    curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES, (long)(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
    curl_easy_setopt(curl, CURLOPT_PASSWORD, sftp->password ? sftp->password : "");
  }
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, sftp->connect_timeout_ms);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, sftp->stall_seconds);
  curl_easy_setopt(curl, CURLOPT_QUOTE, before);
  curl_easy_setopt(curl, CURLOPT_POSTQUOTE, after);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, sftp);
  if (sftp->only_commands) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (sftp->file || sftp->bytes) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, &from);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length);
    curl_easy_setopt(curl, CURLOPT_FTP_CREATE_MISSING_DIRS, 1L);
    curl_easy_setopt(curl, CURLOPT_NEW_FILE_PERMS, 0640L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
  } else {
    curl_easy_setopt(curl, CURLOPT_DIRLISTONLY, 1L);
  }
  if (sftp->stop) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sftp->stop);
  }
  CURLcode code = curl_easy_perform(curl);
  result->kind = kind_of(code, was_refused);
  snprintf(result->reason, sizeof result->reason, "%s", error[0] ? error : curl_easy_strerror(code));
  curl_easy_cleanup(curl);
  curl_slist_free_all(place);
  curl_slist_free_all(before);
  curl_slist_free_all(after);
close_all:
  if (from.file) fclose(from.file);
  if (key_file >= 0) close(key_file);
close_hosts:
  close(hosts_file);
}

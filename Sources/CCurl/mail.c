#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "mail.h"
#include "stop.h"

sluice_mail_stop *sluice_mail_stop_new(void) { return calloc(1, sizeof(sluice_mail_stop)); }
void sluice_mail_stop_now(sluice_mail_stop *stop) { atomic_store(&stop->now, 1); }
void sluice_mail_stop_free(sluice_mail_stop *stop) { free(stop); }

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void begin(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

typedef struct {
  const char *bytes;
  size_t left;
} source;

static size_t give(char *into, size_t size, size_t count, void *context) {
  source *from = context;
  size_t room = size * count;
  size_t n = from->left < room ? from->left : room;
  memcpy(into, from->bytes, n);
  from->bytes += n;
  from->left -= n;
  return n;
}

// Each line that the server says; the last one stays, but for what it says when one leaves after it has refused something.
static size_t hear(char *line, size_t size, size_t count, void *context) {
  sluice_mail_result *result = context;
  size_t n = size * count;
  if ((result->answer[0] == '4' || result->answer[0] == '5') && n > 0 && line[0] != '4' && line[0] != '5') return n;
  if (n > 3 && memcmp(line, "221", 3) == 0) return n;
  size_t kept = n < sizeof result->answer - 1 ? n : sizeof result->answer - 1;
  memcpy(result->answer, line, kept);
  while (kept > 0 && (result->answer[kept - 1] == '\n' || result->answer[kept - 1] == '\r')) kept--;
  result->answer[kept] = 0;
  return n;
}

static size_t ignore(char *bytes, size_t size, size_t count, void *context) {
  (void)bytes;
  (void)context;
  return size * count;
}

static int look(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a;
  (void)b;
  (void)c;
  (void)d;
  sluice_mail_stop *stop = context;
  return atomic_load(&stop->now);
}

static sluice_mail_kind kind_of(CURLcode code, long answer) {
  switch (code) {
    case CURLE_OK: return SLUICE_MAIL_OK;
    case CURLE_LOGIN_DENIED: return SLUICE_MAIL_LOGIN;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST: return SLUICE_MAIL_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: return SLUICE_MAIL_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION: return SLUICE_MAIL_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR: return SLUICE_MAIL_TLS;
    case CURLE_USE_SSL_FAILED: return SLUICE_MAIL_NO_TLS;
    case CURLE_ABORTED_BY_CALLBACK: return SLUICE_MAIL_STOPPED;
    default: break;
  }
  if (answer >= 400 && answer < 600) return SLUICE_MAIL_ANSWERED;
  if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_WEIRD_SERVER_REPLY)
    return SLUICE_MAIL_BROKEN;
  return SLUICE_MAIL_OTHER;
}

void sluice_mail_send(const sluice_mail *mail, sluice_mail_result *result) {
  memset(result, 0, sizeof *result);
  result->kind = SLUICE_MAIL_OTHER;
  pthread_once(&once, begin);
  CURL *curl = curl_easy_init();
  if (!curl) return;
  struct curl_slist *place = mail->resolve ? curl_slist_append(NULL, mail->resolve) : NULL, *to = NULL;
  source from = {mail->message, mail->length};
  curl_easy_setopt(curl, CURLOPT_URL, mail->url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // Neither a proxy of the environment nor another address than the one that was judged.
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_RESOLVE, place);
  curl_easy_setopt(curl, CURLOPT_USE_SSL, mail->must_encrypt ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  // The system's folder of roots holds besides.
  if (mail->roots) curl_easy_setopt(curl, CURLOPT_CAINFO, mail->roots);
  if (mail->username) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, mail->username);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, mail->password ? mail->password : "");
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, mail->timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, mail->connect_timeout_ms);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, hear);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, result);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
  if (mail->stop) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, mail->stop);
  }
  if (mail->message) {
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->sender);
    for (size_t n = 0; n < mail->recipient_count; n++) to = curl_slist_append(to, mail->recipients[n]);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, &from);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->length);
  } else {
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  }
  CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &result->code);
  result->kind = kind_of(code, result->code);
  const char *peer = NULL;
  if (curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer)
    strncpy(result->peer, peer, sizeof result->peer - 1);
  curl_off_t at = 0;
  curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &at);
  result->connect_us = at;
  result->connected = at > 0;
  at = 0;
  curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &at);
  result->tls_us = at;
  at = 0;
  curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &at);
  result->total_us = at;
  curl_easy_cleanup(curl);
  curl_slist_free_all(place);
  curl_slist_free_all(to);
}

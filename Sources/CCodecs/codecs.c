#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
#include "codecs.h"

// 15 is the largest window; 16 more asks deflate for a gzip wrapper, 32 more lets inflate read the header's kind.
int sluice_gzip_deflate_init(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

int sluice_gzip_inflate_init(z_stream *stream) { return inflateInit2(stream, 15 + 32); }

void sluice_begin_writeback(int descriptor, long long offset, long long count) {
    sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE);
}

int sluice_pipe(int ends[2], int room) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    fcntl(ends[1], F_SETPIPE_SZ, room);
    return 0;
}

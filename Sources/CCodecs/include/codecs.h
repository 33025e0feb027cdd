// Debian's zlib and zstd, as they are. zlib's set-up macros are not visible to Swift, so two functions stand for them.
#ifndef SLUICE_CODECS_H
#define SLUICE_CODECS_H

#include <stdint.h>
#include <zlib.h>
#include <zstd.h>

/// deflateInit2 for a gzip stream at `level` (1-9); returns zlib's code.
int sluice_gzip_deflate_init(z_stream *stream, int level);
/// inflateInit2 for a gzip or zlib stream, told apart by its header; returns zlib's code.
int sluice_gzip_inflate_init(z_stream *stream);

/* Asks the system to begin writing a range of a file to the disk, without waiting for it. A hint: nothing is lost if
   the system does not take it. */
void sluice_begin_writeback(int descriptor, long long offset, long long count);

/* Makes a pipe that no other program inherits, with room for that many bytes if the system gives as many: its ends for
   reading and for writing. Returns -1, with errno, if there is none. */
int sluice_pipe(int ends[2], int room);

#endif

/* A machine whose disk or clock is not as it should be: loaded before the C library by LD_PRELOAD.
 *
 * FAULTS names a folder. While these files are in it:
 *   sync   syncing the journal's WAL fails with EIO; each try adds a byte to `syncs`
 *   write  writing to it fails with EROFS; each try adds a byte to `writes`
 *   clock  so many seconds, written in it, are added to the clock on the wall
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int opened(const char *name, int flags)
{
    char path[4096];
    const char *folder = getenv("FAULTS");
    if (!folder) return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static int is_on(const char *name)
{
    int fd = opened(name, O_RDONLY);
    if (fd < 0) return 0;
    syscall(SYS_close, fd);
    return 1;
}

static void count(const char *name)
{
    int fd = opened(name, O_WRONLY | O_CREAT | O_APPEND);
    if (fd < 0) return;
    syscall(SYS_write, fd, "x", 1);
    syscall(SYS_close, fd);
}

static int is_wal(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/journal.db-wal") != NULL;
}

static int refuses(int fd, const char *fault, const char *counter, int error)
{
    if (!is_wal(fd) || !is_on(fault)) return 0;
    count(counter);
    errno = error;
    return 1;
}

int fsync(int fd)
{
    return refuses(fd, "sync", "syncs", EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return refuses(fd, "sync", "syncs", EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *from, size_t length)
{
    return refuses(fd, "write", "writes", EROFS) ? -1 : syscall(SYS_write, fd, from, length);
}

ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at)
{
    return refuses(fd, "write", "writes", EROFS) ? -1 : syscall(SYS_pwrite64, fd, from, length, at);
}

ssize_t pwrite(int fd, const void *from, size_t length, off_t at)
{
    return pwrite64(fd, from, length, at);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result || clock != CLOCK_REALTIME) return result;
    int fd = opened("clock", O_RDONLY);
    if (fd < 0) return 0;
    char text[32] = {0};
    if (syscall(SYS_read, fd, text, sizeof text - 1) > 0) now->tv_sec += atoll(text);
    syscall(SYS_close, fd);
    return 0;
}

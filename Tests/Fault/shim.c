// Loaded into the server under test: makes its calls to the disk fail or dawdle, and its wall clock wrong.
//
// What it does stands in a file of eight numbers that the test maps too (shim.py has the same order). Only calls that
// SQLite writes with are counted: sockets and the log go through write and writev, which are left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { CALLS, FAIL_FROM, FAIL_UNTIL, FAIL_WITH, SLOW_MICROSECONDS, CLOCK_MILLISECONDS, NUMBERS = 8 };

static _Atomic int64_t *numbers;

__attribute__((constructor)) static void map_numbers(void) {
    const char *path = getenv("FAULT_NUMBERS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *place = mmap(NULL, NUMBERS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (place != MAP_FAILED) numbers = place;
}

// Counts a call; whether it is to fail, with errno set.
static int fails(void) {
    if (!numbers) return 0;
    int64_t call = ++numbers[CALLS];
    if (call < numbers[FAIL_FROM] || call >= numbers[FAIL_UNTIL]) return 0;
    errno = (int)numbers[FAIL_WITH];
    return 1;
}

static void dawdle(void) {
    if (numbers && numbers[SLOW_MICROSECONDS] > 0) usleep((useconds_t)numbers[SLOW_MICROSECONDS]);
}

#define REAL(name) \
    static typeof(&name) real; \
    if (!real) real = (typeof(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) {
    REAL(pwrite);
    return fails() ? -1 : real(file, bytes, count, place);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t place) {
    REAL(pwrite64);
    return fails() ? -1 : real(file, bytes, count, place);
}

int fsync(int file) {
    REAL(fsync);
    dawdle();
    return fails() ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    dawdle();
    return fails() ? -1 : real(file);
}

int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    return fails() ? -1 : real(file, size);
}

int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    return fails() ? -1 : real(file, size);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int status = real(clock, time);
    if (status == 0 && clock == CLOCK_REALTIME && numbers) {
        int64_t offset = numbers[CLOCK_MILLISECONDS];
        int64_t nanoseconds = time->tv_nsec + offset % 1000 * 1000000;
        time->tv_sec += offset / 1000 + (nanoseconds < 0 ? -1 : nanoseconds / 1000000000);
        time->tv_nsec = nanoseconds < 0 ? nanoseconds + 1000000000 : nanoseconds % 1000000000;
    }
    return status;
}

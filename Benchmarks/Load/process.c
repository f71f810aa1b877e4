// What the servers cost, as the kernel counts it.
#include "load.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double cpu_seconds(const pid_t *pids, int count) {
    double seconds = 0;
    for (int i = 0; i < count; i++) {
        clockid_t clock;
        struct timespec used;
        if (clock_getcpuclockid(pids[i], &clock) || clock_gettime(clock, &used)) fail("process %d is gone", pids[i]);
        seconds += (double)used.tv_sec + (double)used.tv_nsec / 1e9;
    }
    return seconds;
}

double resident_bytes(const pid_t *pids, int count) {
    double bytes = 0;
    for (int i = 0; i < count; i++) {
        char path[64];
        unsigned long long pages;
        snprintf(path, sizeof path, "/proc/%d/statm", pids[i]);
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%*u %llu", &pages) != 1) fail("process %d is gone", pids[i]);
        fclose(file);
        bytes += (double)pages * (double)sysconf(_SC_PAGESIZE);
    }
    return bytes;
}

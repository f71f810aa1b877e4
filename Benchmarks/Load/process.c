// What the servers cost, as the kernel counts it.
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

double cpu_seconds(const pid_t *pids, int count) {
    double seconds = 0;
    for (int i = 0; i < count; i++) {
        char path[64], line[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
        FILE *file = fopen(path, "r");
        if (!file || !fgets(line, sizeof line, file)) fail("process %d is gone", pids[i]);
        fclose(file);
        // The name in brackets may hold anything; fields 14 and 15 count from there.
        const char *rest = strrchr(line, ')');
        unsigned long long user, system;
        if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
            fail("cannot read %s", path);
        seconds += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
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

// The command line, and what is measured.
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { PUSHES_MAX = 1 << 16, EVENTS_MAX = 1024 };

static struct options options = {
    .device_path = "/v1/edge", .publish_path = "/v3/push", .body = "", .devices = 1, .window = 1000,
};
static int epoll;
/// How many devices each push of the measure has reached.
static uint32_t reached[PUSHES_MAX];
/// The number that the measure's first push has on each device.
static uint32_t first_push;
static int answers;
static bool idle_publishers[PUBLISHERS_MAX];

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/// Deals with what has come. Returns how many sockets had something.
static int turn(int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll, events, EVENTS_MAX, timeout_ms);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        uint32_t index = events[i].data.u32;
        if (index < (uint32_t)options.devices) {
            device_ready(index);
        } else if (publisher_ready((int)(UINT32_MAX - index))) {
            idle_publishers[UINT32_MAX - index] = true;
            answers++;
        }
    }
    return count;
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/// The value below which the given part of the samples lies. Sorts them.
static double quantile(double *samples, int count, double part) {
    qsort(samples, (size_t)count, sizeof *samples, compare);
    int index = (int)ceil(part * count) - 1;
    return samples[index < 0 ? 0 : index];
}

static void count_push(uint32_t number) { reached[number - first_push]++; }

/// The measures to come count from here.
static void begin(int pushes) {
    if (pushes > PUSHES_MAX) fail("more than %d pushes in one measure", PUSHES_MAX);
    memset(reached, 0, sizeof reached);
    first_push = devices_least_pushes();
    if (totals.pushes != (uint64_t)first_push * (uint64_t)options.devices) fail("devices have got different pushes");
    on_push = count_push;
}

static void check_time(double limit, int push) {
    if (now() > limit) fail("push %d reached only %u of %d devices", push, reached[push], options.devices);
}

static double cpu(void) { return cpu_seconds(options.server_pids, options.server_pid_count); }

// Measures

static void measure_connect(void) {
    double before = resident_bytes(options.server_pids, options.server_pid_count);
    double cpu_before = cpu(), start = now();
    devices_connect(turn);
    double seconds = now() - start, used = cpu() - cpu_before;
    // Buffers of the last logins are let go of a moment later.
    for (double until = now() + 1; now() < until;) turn(50);
    double after = resident_bytes(options.server_pids, options.server_pid_count);
    printf(
        "{\"measure\":\"connect\",\"devices\":%d,\"seconds\":%.4f,\"per_second\":%.0f,\"cpu_us_each\":%.2f,"
        "\"resident_bytes_each\":%.0f}\n",
        options.devices, seconds, options.devices / seconds, used * 1e6 / options.devices,
        (after - before) / options.devices);
}

static void measure_idle(double seconds) {
    double cpu_before = cpu(), start = now();
    while (now() < start + seconds) turn(100);
    printf(
        "{\"measure\":\"idle\",\"seconds\":%.1f,\"cpu_percent\":%.3f}\n", now() - start,
        (cpu() - cpu_before) / (now() - start) * 100);
}

/// One push at a time: the next one is sent when all devices have this one.
///
/// With acks, every device acks every push, and the measure ends when all receipts are durable.
static void measure_rounds(int rounds, bool acks) {
    static double last[PUSHES_MAX];
    begin(rounds);
    devices_set_acks(acks);
    publishers_open(&options, epoll, 1);
    uint64_t deliveries = (uint64_t)rounds * (uint64_t)options.devices, acked = totals.acked + deliveries;
    double cpu_before = cpu(), start = now();
    for (int round = 0; round < rounds; round++) {
        double sent = now();
        answers = 0;
        publisher_send(0);
        while (reached[round] < (uint32_t)options.devices || answers == 0) {
            turn(1000);
            check_time(sent + 30, round);
        }
        last[round] = now() - sent;
    }
    double pushed = now();
    while (acks && totals.acked < acked) {
        turn(1000);
        if (now() > pushed + 30) fail("%llu acks are missing", (unsigned long long)(acked - totals.acked));
    }
    double durable = now();
    // What the server does behind the last answer is part of the price.
    for (double until = now() + 0.3; now() < until;) turn(20);
    double used = cpu() - cpu_before;
    printf(
        "{\"measure\":\"%s\",\"devices\":%d,\"rounds\":%d,\"cpu_us_each\":%.3f,\"last_ms\":%.2f,"
        "\"last_p90_ms\":%.2f,\"durable_ms\":%.2f,\"per_second\":%.0f}\n",
        acks ? "acked" : "rounds", options.devices, rounds, used * 1e6 / (double)deliveries,
        quantile(last, rounds, 0.5) * 1e3, quantile(last, rounds, 0.9) * 1e3, (durable - pushed) * 1e3,
        (double)deliveries / (pushed - start));
    devices_set_acks(false);
}

/// Several pushes on their way at a time.
static void measure_outstanding(int pushes, int outstanding) {
    begin(pushes);
    publishers_open(&options, epoll, outstanding);
    for (int i = 0; i < outstanding; i++) idle_publishers[i] = true;
    int sent = 0, done = 0;
    double cpu_before = cpu(), start = now(), limit = start + 30;
    while (done < pushes) {
        for (int i = 0; i < outstanding && sent < pushes && sent - done < outstanding; i++) {
            if (!idle_publishers[i]) continue;
            idle_publishers[i] = false;
            publisher_send(i);
            sent++;
        }
        turn(1000);
        while (done < pushes && reached[done] == (uint32_t)options.devices) {
            done++;
            limit = now() + 30;
        }
        if (done < pushes) check_time(limit, done);
    }
    double seconds = now() - start, deliveries = (double)pushes * options.devices;
    for (double until = now() + 0.3; now() < until;) turn(20);
    printf(
        "{\"measure\":\"outstanding\",\"devices\":%d,\"pushes\":%d,\"cpu_us_each\":%.3f,\"per_second\":%.0f}\n",
        options.devices, pushes, (cpu() - cpu_before) * 1e6 / deliveries, deliveries / seconds);
}

/// Pushes at a steady rate; the time from the request to the last device.
static void measure_watch(double rate, double seconds) {
    static double took[PUSHES_MAX];
    int pushes = (int)(rate * seconds);
    begin(pushes);
    publishers_open(&options, epoll, 1);
    double start = now();
    for (int push = 0; push < pushes; push++) {
        while (now() < start + push / rate) turn((int)fmax(0, (start + push / rate - now()) * 1e3));
        double sent = now();
        answers = 0;
        publisher_send(0);
        while (reached[push] < (uint32_t)options.devices || answers == 0) {
            turn(1000);
            check_time(sent + 30, push);
        }
        took[push] = now() - sent;
    }
    double p50 = quantile(took, pushes, 0.5);
    printf(
        "{\"measure\":\"watch\",\"pushes\":%d,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f}\n", pushes, p50 * 1e3,
        quantile(took, pushes, 0.99) * 1e3, took[pushes - 1] * 1e3);
}

// The command line

static void usage(void) {
    fail(
        "usage: load --kind apus|nchan --devices-at HOST:PORT [OPTION ...] MEASURE ...\n"
        "  --publish-at HOST:PORT  --device-path P  --publish-path P  --authorization V  --body JSON  --app-key K\n"
        "  --alias A  --tag T  --credentials FILE  --devices N  --window N  --server-pid PID (repeatable)\n"
        "measures: connect  idle:SECONDS  rounds:N  acked:N  outstanding:PUSHES:AT-A-TIME  watch:RATE:SECONDS");
}

static struct sockaddr_in address(const char *text) {
    char host[64];
    unsigned port;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &address.sin_addr) != 1)
        fail("'%s' is not HOST:PORT", text);
    address.sin_port = htons((uint16_t)port);
    return address;
}

static void run(const char *measure) {
    double first = 0, second = 0;
    char name[32] = "";
    sscanf(measure, "%31[a-z]:%lf:%lf", name, &first, &second);
    if (strcmp(name, "connect") == 0) measure_connect();
    else if (strcmp(name, "idle") == 0) measure_idle(first);
    else if (strcmp(name, "rounds") == 0) measure_rounds((int)first, false);
    else if (strcmp(name, "acked") == 0) measure_rounds((int)first, true);
    else if (strcmp(name, "outstanding") == 0) measure_outstanding((int)first, (int)second);
    else if (strcmp(name, "watch") == 0) measure_watch(first, second);
    else usage();
    fflush(stdout);
}

int main(int count, char **arguments) {
    static const struct option known[] = {
        {"kind", 1, 0, 'k'}, {"devices-at", 1, 0, 'd'}, {"publish-at", 1, 0, 'p'}, {"device-path", 1, 0, 'D'},
        {"publish-path", 1, 0, 'P'}, {"authorization", 1, 0, 'a'}, {"body", 1, 0, 'b'}, {"app-key", 1, 0, 'K'},
        {"alias", 1, 0, 'A'}, {"tag", 1, 0, 't'}, {"credentials", 1, 0, 'c'}, {"devices", 1, 0, 'n'},
        {"window", 1, 0, 'w'}, {"server-pid", 1, 0, 's'}, {0, 0, 0, 0},
    };
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 'k': options.kind = strcmp(optarg, "nchan") == 0 ? KIND_NCHAN : KIND_APUS; break;
        case 'd': options.devices_at = address(optarg); break;
        case 'p': options.publish_at = address(optarg); break;
        case 'D': options.device_path = optarg; break;
        case 'P': options.publish_path = optarg; break;
        case 'a': options.authorization = optarg; break;
        case 'b': options.body = optarg; break;
        case 'K': options.app_key = optarg; break;
        case 'A': options.alias = optarg; break;
        case 't': options.tag = optarg; break;
        case 'c': options.credentials = optarg; break;
        case 'n': options.devices = atoi(optarg); break;
        case 'w': options.window = atoi(optarg); break;
        case 's':
            if (options.server_pid_count < 8) options.server_pids[options.server_pid_count++] = atoi(optarg);
            break;
        default: usage();
        }
    }
    if (options.devices_at.sin_port == 0 || options.devices < 1 || optind == count) usage();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    devices_init(&options, epoll);
    for (int i = optind; i < count; i++) run(arguments[i]);
    return 0;
}

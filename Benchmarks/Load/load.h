// A load client for push servers: many WebSocket connections and a few publishers on one thread.
//
// It is the same for every server that is measured, and costs far less than any of them: one epoll, one read per
// frame that arrives, no allocation after the start.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What kind of server is at the other end.
enum server_kind {
    /// Every text frame is a push; there is no login and no ack.
    KIND_NCHAN,
    /// The device protocol of Apus: register or login, push, ack, acked.
    KIND_APUS,
};

/// What the command line said.
struct options {
    enum server_kind kind;
    struct sockaddr_in devices_at;
    struct sockaddr_in publish_at;
    /// Of the WebSocket upgrade.
    const char *device_path;
    const char *publish_path;
    /// The value of `Authorization` of publishers; NULL for none.
    const char *authorization;
    const char *body;
    const char *app_key;
    /// For devices that register; NULL for none.
    const char *alias;
    /// For devices that register; NULL for none.
    const char *tag;
    /// Where registration ids and secrets are kept: read when the file is there, else written.
    const char *credentials;
    int devices;
    /// Connections that may be on their way from connect to live at a time.
    int window;
    pid_t server_pids[8];
    int server_pid_count;
};

/// Ends the program with a sentence on standard error.
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/// Seconds of a clock that never goes back.
double now(void);

// devices.c

enum device_state { DEVICE_ABSENT, DEVICE_UPGRADING, DEVICE_ENTERING, DEVICE_LIVE };

enum { PART_MAX = 4096, ID_MAX = 32 };

/// One device connection.
struct device {
    int fd;
    enum device_state state;
    /// Pushes that have come, ever.
    uint32_t pushes;
    /// Receipts that the server says are durable, ever.
    uint32_t acked;
    /// Bytes of an unfinished frame or header.
    uint32_t have;
};

/// What has happened on all devices together since the start.
struct totals {
    uint64_t pushes;
    uint64_t acked;
    /// Connections that ended without being asked to.
    uint64_t lost;
};

extern struct totals totals;

/// Makes room for the devices and reads the credentials file.
void devices_init(const struct options *options, int epoll);

/// Connects all devices. Returns when each is live.
void devices_connect(int (*turn)(int timeout_ms));

/// Reads what has come for a device.
void device_ready(uint32_t index);

/// Whether each push is acked.
void devices_set_acks(bool acks);

/// Called with the number of the push on its device, counted from 0, for each that comes.
extern void (*on_push)(uint32_t number);

/// The least number of pushes that any device has got.
uint32_t devices_least_pushes(void);

// publisher.c

enum { PUBLISHERS_MAX = 64 };

/// Opens connections that publish, one push at a time each.
void publishers_open(const struct options *options, int epoll, int count);

/// Sends a push on a publisher that has no answer to wait for.
void publisher_send(int index);

/// Reads an answer. Ends the program when it is a refusal.
///
/// Returns whether the answer is complete.
bool publisher_ready(int index);

// process.c

/// Seconds of processor time that the processes have used, with all their threads.
double cpu_seconds(const pid_t *pids, int count);

/// Bytes of memory that are resident for the processes.
double resident_bytes(const pid_t *pids, int count);

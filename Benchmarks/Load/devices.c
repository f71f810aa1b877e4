// Device connections: a WebSocket client that knows just enough.
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct totals totals;
void (*on_push)(uint32_t number);

static const struct options *options;
static int epoll;
static struct device *devices;
/// PART_MAX bytes for each device; touched only where frames come in pieces.
static uint8_t *parts;
static struct { char id[ID_MAX], secret[48]; } *credentials;
static bool have_credentials;
static int live;
static bool acks;
static uint8_t input[1 << 18];

/// The ack that was last built: all devices are sent the same push at about the same time.
static struct { char id[ID_MAX]; size_t length; uint8_t frame[128]; } ack;

void devices_set_acks(bool value) { acks = value; }

uint32_t devices_least_pushes(void) {
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < options->devices; i++)
        if (devices[i].pushes < least) least = devices[i].pushes;
    return least;
}

void devices_init(const struct options *given, int epoll_fd) {
    options = given;
    epoll = epoll_fd;
    size_t count = (size_t)options->devices;
    devices = calloc(count, sizeof *devices);
    parts = calloc(count, PART_MAX);
    credentials = calloc(count, sizeof *credentials);
    if (!devices || !parts || !credentials) fail("no memory for %zu devices", count);
    FILE *file = options->credentials ? fopen(options->credentials, "r") : NULL;
    if (!file) return;
    for (size_t i = 0; i < count; i++)
        if (fscanf(file, "%31s %47s", credentials[i].id, credentials[i].secret) != 2)
            fail("%s has fewer than %zu devices", options->credentials, count);
    fclose(file);
    have_credentials = true;
}

// Writing

/// Builds a masked text frame. The key is the same each time, which no server can know, and not zero, which it might.
static size_t build_frame(uint8_t *frame, const char *text) {
    static const uint8_t key[4] = {0x5a, 0x17, 0xc3, 0x2e};
    size_t length = strlen(text), header = length < 126 ? 2 : 4;
    frame[0] = 0x81;
    frame[1] = 0x80 | (uint8_t)(length < 126 ? length : 126);
    if (length >= 126) {
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
    }
    memcpy(frame + header, key, 4);
    for (size_t i = 0; i < length; i++) frame[header + 4 + i] = (uint8_t)text[i] ^ key[i & 3];
    return header + 4 + length;
}

static void send_all(struct device *device, const void *bytes, size_t length) {
    if (write(device->fd, bytes, length) != (ssize_t)length) fail("a device cannot send: %s", strerror(errno));
}

static void send_text(struct device *device, const char *text) {
    uint8_t frame[1024];
    send_all(device, frame, build_frame(frame, text));
}

static void send_first(uint32_t index) {
    char text[512];
    if (have_credentials)
        snprintf(
            text, sizeof text, "{\"op\":\"login\",\"registration_id\":\"%s\",\"secret\":\"%s\"}",
            credentials[index].id, credentials[index].secret);
    else {
        char more[160] = "";
        if (options->alias) snprintf(more, sizeof more, ",\"alias\":\"%s\"", options->alias);
        if (options->tag) snprintf(more + strlen(more), sizeof more - strlen(more), ",\"tags\":[\"%s\"]", options->tag);
        snprintf(
            text, sizeof text, "{\"op\":\"register\",\"app_key\":\"%s\",\"platform\":\"android\"%s}", options->app_key,
            more);
    }
    send_text(&devices[index], text);
}

static void send_ack(struct device *device, const char *id, size_t length) {
    if (length >= ID_MAX) fail("a msg_id of %zu bytes", length);
    if (strncmp(ack.id, id, length) != 0 || ack.id[length] != 0) {
        memcpy(ack.id, id, length);
        ack.id[length] = 0;
        char text[96];
        snprintf(text, sizeof text, "{\"op\":\"ack\",\"msg_id\":\"%s\"}", ack.id);
        ack.length = build_frame(ack.frame, text);
    }
    send_all(device, ack.frame, ack.length);
}

// Reading

static bool starts(const char *text, size_t length, const char *start) {
    size_t count = strlen(start);
    return length >= count && memcmp(text, start, count) == 0;
}

/// Copies the string that follows a marker.
static void copy_member(char *to, size_t size, const char *text, size_t length, const char *marker) {
    const char *start = memmem(text, length, marker, strlen(marker));
    if (!start) fail("no %s in %.*s", marker, (int)length, text);
    start += strlen(marker);
    const char *end = memchr(start, '"', (size_t)(text + length - start));
    if (!end || (size_t)(end - start) >= size) fail("a bad member in %.*s", (int)length, text);
    memcpy(to, start, (size_t)(end - start));
    to[end - start] = 0;
}

static void is_live(struct device *device) {
    device->state = DEVICE_LIVE;
    live++;
}

static void pushed(struct device *device) {
    totals.pushes++;
    uint32_t number = device->pushes++;
    if (on_push) on_push(number);
}

/// A frame of the protocol of Apus.
static void take_apus(uint32_t index, const char *text, size_t length) {
    static const char push[] = "{\"op\":\"push\",\"msg_id\":\"";
    struct device *device = &devices[index];
    if (starts(text, length, push)) {
        const char *id = text + sizeof push - 1;
        const char *end = memchr(id, '"', length - (sizeof push - 1));
        if (!end) fail("a bad push: %.*s", (int)length, text);
        pushed(device);
        if (acks) send_ack(device, id, (size_t)(end - id));
    } else if (starts(text, length, "{\"op\":\"acked\"")) {
        totals.acked++;
        device->acked++;
    } else if (starts(text, length, "{\"op\":\"registered\"")) {
        copy_member(credentials[index].id, ID_MAX, text, length, "\"registration_id\":\"");
        copy_member(credentials[index].secret, 48, text, length, "\"secret\":\"");
        is_live(device);
    } else if (starts(text, length, "{\"op\":\"ready\"")) {
        is_live(device);
    } else {
        fail("not expected: %.*s", (int)length, text);
    }
}

/// Takes the answer to the upgrade.
///
/// Returns the bytes used; 0 until it is whole.
static size_t take_upgrade(uint32_t index, const char *bytes, size_t length) {
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!starts(bytes, length, "HTTP/1.1 101")) fail("not upgraded: %.*s", (int)length, bytes);
    if (options->kind == KIND_APUS) {
        devices[index].state = DEVICE_ENTERING;
        send_first(index);
    } else {
        is_live(&devices[index]);
    }
    return (size_t)(end + 4 - bytes);
}

/// Takes one frame of the server.
///
/// Returns the bytes used; 0 until it is whole.
static size_t take_frame(uint32_t index, const uint8_t *bytes, size_t length) {
    if (length < 2) return 0;
    size_t payload = bytes[1] & 0x7f, header = 2;
    if (payload == 126) {
        if (length < 4) return 0;
        payload = (size_t)bytes[2] << 8 | bytes[3];
        header = 4;
    } else if (payload == 127) {
        fail("a frame of more than 65535 bytes");
    }
    if (length < header + payload) return 0;
    switch (bytes[0] & 0xf) {
    case 1:
        if (options->kind == KIND_APUS) take_apus(index, (const char *)bytes + header, payload);
        else pushed(&devices[index]);
        break;
    case 9: {
        // Pings of these servers have no payload.
        static const uint8_t pong[] = {0x8a, 0x80, 1, 2, 3, 4};
        send_all(&devices[index], pong, sizeof pong);
        break;
    }
    case 8: fail("a device was sent away");
    default: fail("a frame with opcode %d", bytes[0] & 0xf);
    }
    return header + payload;
}

static void take(uint32_t index, const uint8_t *bytes, size_t length) {
    struct device *device = &devices[index];
    while (length > 0) {
        size_t used = device->state == DEVICE_UPGRADING ? take_upgrade(index, (const char *)bytes, length)
                                                        : take_frame(index, bytes, length);
        if (used == 0) break;
        bytes += used;
        length -= used;
    }
    if (length > PART_MAX) fail("a frame of more than %d bytes", PART_MAX);
    if (length > 0) memmove(parts + (size_t)index * PART_MAX, bytes, length);
    device->have = (uint32_t)length;
}

void device_ready(uint32_t index) {
    struct device *device = &devices[index];
    if (device->have > 0) memcpy(input, parts + (size_t)index * PART_MAX, device->have);
    ssize_t count = read(device->fd, input + device->have, sizeof input - device->have);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        totals.lost++;
        fail("the server closed the connection of a device");
    }
    take(index, input, device->have + (size_t)count);
}

// Connecting

/// Gives a device of this machine one of a few addresses to come from.
///
/// With ten thousand connections from one address to one port, the kernel's search for a free port of its own takes
/// several times what the server does for the connection, and real devices have no such search in common.
static void bind_source(int fd, uint32_t index) {
    enum { SOURCES = 8 };
    if (ntohl(options->devices_at.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) return;
    struct sockaddr_in source = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % SOURCES)};
    int yes = 1;
    // The port is chosen with the destination, so that all sources may use the same ones.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(fd, (const struct sockaddr *)&source, sizeof source) != 0)
        fail("device %u cannot have an address: %s", index, strerror(errno));
}

static void open_device(uint32_t index) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    // Ended by reset, so that ten thousand ports are not kept waiting after each run.
    struct linger linger = {.l_onoff = 1};
    if (fd < 0) fail("no descriptor for device %u: %s", index, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    bind_source(fd, index);
    if (connect(fd, (const struct sockaddr *)&options->devices_at, sizeof options->devices_at) != 0)
        fail("device %u cannot connect: %s", index, strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    devices[index].fd = fd;
    devices[index].state = DEVICE_UPGRADING;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll: %s", strerror(errno));
    char request[512];
    int length = snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
        options->device_path, options->kind == KIND_APUS ? "Sec-WebSocket-Protocol: apus.v1\r\n" : "");
    send_all(&devices[index], request, (size_t)length);
}

static void save_credentials(void) {
    FILE *file = fopen(options->credentials, "w");
    if (!file) fail("cannot write %s: %s", options->credentials, strerror(errno));
    for (int i = 0; i < options->devices; i++) fprintf(file, "%s %s\n", credentials[i].id, credentials[i].secret);
    if (fclose(file) != 0) fail("cannot write %s: %s", options->credentials, strerror(errno));
}

void devices_connect(int (*turn)(int timeout_ms)) {
    int opened = 0;
    double limit = now() + 60;
    while (live < options->devices) {
        for (int burst = 0; burst < 64 && opened < options->devices && opened - live < options->window; burst++)
            open_device((uint32_t)opened++);
        turn(opened < options->devices && opened - live < options->window ? 0 : 100);
        if (now() > limit) fail("only %d of %d devices are live after a minute", live, options->devices);
    }
    if (options->kind == KIND_APUS && !have_credentials && options->credentials) save_credentials();
}

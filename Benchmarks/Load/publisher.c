// HTTP/1.1 callers that publish: one request on its way per connection.
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    int fd;
    size_t have;
    char answer[8192];
} publishers[PUBLISHERS_MAX];

static char request[16384];
static size_t request_length;

void publishers_open(const struct options *options, int epoll, int count) {
    char authorization[512] = "";
    if (options->authorization)
        snprintf(authorization, sizeof authorization, "Authorization: %s\r\n", options->authorization);
    request_length = (size_t)snprintf(
        request, sizeof request,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        options->publish_path, authorization, strlen(options->body), options->body);
    if (request_length >= sizeof request) fail("the body is too long");
    for (int i = 0; i < count; i++) {
        if (publishers[i].fd > 0) continue;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
        if (fd < 0 || connect(fd, (const struct sockaddr *)&options->publish_at, sizeof options->publish_at) != 0)
            fail("cannot connect to publish: %s", strerror(errno));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        publishers[i].fd = fd;
        // Publishers are told from devices by a number above all of theirs.
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX - (uint32_t)i};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll: %s", strerror(errno));
    }
}

void publisher_send(int index) {
    publishers[index].have = 0;
    if (write(publishers[index].fd, request, request_length) != (ssize_t)request_length)
        fail("cannot publish: %s", strerror(errno));
}

bool publisher_ready(int index) {
    char *answer = publishers[index].answer;
    size_t have = publishers[index].have;
    ssize_t count = read(publishers[index].fd, answer + have, sizeof publishers[index].answer - 1 - have);
    if (count <= 0) fail("the server closed the connection of a publisher");
    publishers[index].have = have += (size_t)count;
    answer[have] = 0;
    const char *end = strstr(answer, "\r\n\r\n");
    if (!end) return false;
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    if (!length) fail("an answer without a length:\n%s", answer);
    if (have < (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10)) return false;
    if (strncmp(answer, "HTTP/1.1 20", 11) != 0) fail("a push was refused:\n%s", answer);
    return true;
}

/* Tens of thousands of WebSocket clients in one process: they join, count, check the order and tell the time.

   listeners PORT COUNT PATH JOIN JOINED SLOW RATE
     PATH    what to ask the upgrade for; "-" for a server that speaks frames at once
     JOIN    a message to send after the upgrade; "" for none
     JOINED  what the answer to it contains; "" when the upgrade is enough
     SLOW    so many of COUNT read RATE bytes a second each; they are not counted below

   Every message carries ~#NNNNNNNN@TTTTTTTTTTTTTTTTTTTT#: its number from 1 on, and when it was due (ns, monotonic).
   Who is refused with a hint comes again when the hint says. Prints "at N" for every thousand that joined, "joined N NS
   AGAIN" when all have, after so many refusals, then "m NUMBER LATENCY_NS" when the last one has it, and at the end of
   its input "end FRAMES WRONG CLOSED RESUME ORDER": messages read; doubled ones, and listeners that heard others or in
   another order than the first; sockets closed; of these with 4008; what `order` below makes of what the first heard. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES 1000000
#define WINDOW 256
#define BUFFER (1 << 20)
#define SOURCES 32 /* addresses to connect from: each has 28,000 ports towards one server */
#define AGAIN_MS 1000

struct listener {
    int fd, joined, slow, closed;
    uint32_t heard;
    uint64_t order;
    char *rest;
    size_t rest_bytes;
};

struct turn {
    int index;
    int64_t due_ns;
};

static struct listener *all;
static struct turn *later; /* a ring: who was refused, in that order */
static uint32_t *heard;
static int count, joined, open_count, later_first, later_count, listening, slow_count, port, epoll_fd, rate;
static long frames, wrong, closed, resumes, refused;
static const char *path, *join, *joined_mark;
static char buffer[BUFFER];

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void send_text(int fd, const char *text) {
    unsigned char frame[65536];
    size_t size = strlen(text), at = 0, i;
    frame[at++] = 0x81;
    if (size < 126) {
        frame[at++] = 0x80 | size;
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = size >> 8;
        frame[at++] = size & 255;
    }
    memset(frame + at, 0, 4); /* a mask of zeros leaves the text as it is */
    at += 4;
    for (i = 0; i < size; i++) frame[at++] = text[i];
    if (send(fd, frame, at, MSG_NOSIGNAL) != (ssize_t)at) die("join");
}

/* Refused: hang up, and come again when it is time. */
static void again(int index, long wait_ms) {
    struct turn *turn = &later[(later_first + later_count++) % count];
    close(all[index].fd);
    all[index].fd = -1;
    all[index].rest_bytes = 0;
    open_count--;
    refused++;
    *turn = (struct turn){index, now_ns() + wait_ms * 1000000};
}

static int whose_turn(void) {
    if (!later_count || later[later_first].due_ns > now_ns()) return -1;
    int index = later[later_first].index;
    later_first = (later_first + 1) % count;
    later_count--;
    return index;
}

/* 0, or after how many ms to come again. */
static long upgrade(int fd) {
    char request[8192], answer[4096];
    size_t got = 0;
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        path, port);
    if (send(fd, request, size, 0) != size) die("upgrade");
    /* one byte at a time near the end, so that no frame behind the answer is taken */
    while (got < 4 || memcmp(answer + got - 4, "\r\n\r\n", 4)) {
        ssize_t part = recv(fd, answer + got, 1, 0);
        if (part <= 0 || got + 1 >= sizeof answer) die("answer");
        got += part;
    }
    if (!strncmp(answer, "HTTP/1.1 101", 12)) return 0;
    answer[got] = 0;
    const char *hint = strcasestr(answer, "\r\nretry-after:");
    if (hint) return 1000 * (atol(hint + 14) ? atol(hint + 14) : 1);
    fprintf(stderr, "%s\n", answer);
    exit(1);
}

static void has_joined(struct listener *one) {
    one->joined = 1;
    if (++joined % 1000 == 0) printf("at %d\n", joined);
}

static void add(int index) {
    struct listener *one = &all[index];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, from = {.sin_family = AF_INET};
    int yes = 1, small = 4096;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0) die("socket");
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index % SOURCES);
    setsockopt(one->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    one->slow = index < slow_count;
    if (one->slow) setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (bind(one->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
    if (connect(one->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    open_count++;
    long wait_ms = strcmp(path, "-") ? upgrade(one->fd) : 0;
    if (wait_ms) {
        again(index, wait_ms);
        return;
    }
    if (*join) send_text(one->fd, join);
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    if (!*joined_mark) has_joined(one);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, one->fd, &event)) die("epoll");
}

static void message(struct listener *one, const char *payload, size_t size, int64_t at_ns) {
    const char *mark = memmem(payload, size, "~#", 2);
    if (!one->joined && *joined_mark && memmem(payload, size, joined_mark, strlen(joined_mark))) {
        has_joined(one);
        return; /* a join's answer may show older messages */
    }
    if (!one->joined && memmem(payload, size, "\"status\":\"error\"", 16)) {
        again(one - all, AGAIN_MS);
        return;
    }
    if (!one->joined || one->slow) return;
    /* Centrifugo puts several messages into one frame when it has several to send */
    for (const char *end = payload + size; mark; mark = memmem(mark + 2, end - mark - 2, "~#", 2)) {
        uint32_t number = strtoul(mark + 2, NULL, 10);
        frames++;
        one->heard++;
        one->order = one->order * 6364136223846793005ULL + number;
        if (number >= MESSAGES || ++heard[number] > (uint32_t)listening) wrong++;
        else if (heard[number] == (uint32_t)listening)
            printf("m %u %lld\n", number, (long long)(at_ns - strtoll(mark + 11, NULL, 10)));
    }
}

static size_t parse(struct listener *one, const unsigned char *data, size_t size, int64_t at_ns) {
    size_t at = 0;
    while (size - at >= 2 && one->fd >= 0) {
        size_t length = data[at + 1] & 127, head = 2;
        if (length == 126) {
            if (size - at < 4) break;
            length = data[at + 2] << 8 | data[at + 3];
            head = 4;
        } else if (length == 127) {
            if (size - at < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | data[at + i];
            head = 10;
        }
        if (size - at < head + length) break;
        if ((data[at] & 15) == 8) {
            if (length >= 2 && (data[at + head] << 8 | data[at + head + 1]) == 4008) resumes++;
        } else {
            message(one, (const char *)data + at + head, length, at_ns);
        }
        at += head + length;
    }
    return at;
}

static void leave(struct listener *one) {
    one->closed = 1;
    closed++;
    close(one->fd);
}

static void readable(struct listener *one, size_t most) {
    size_t before = one->rest_bytes, used;
    if (before) memcpy(buffer, one->rest, before);
    if (most > BUFFER - before) most = BUFFER - before;
    ssize_t got = recv(one->fd, buffer + before, most, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        leave(one);
        return;
    }
    used = parse(one, (unsigned char *)buffer, before + got, now_ns());
    if (one->fd < 0) return;
    one->rest_bytes = before + got - used;
    if (one->rest_bytes) {
        one->rest = realloc(one->rest, one->rest_bytes);
        memcpy(one->rest, buffer + used, one->rest_bytes);
    }
}

/* Slow ones join like everybody, and are then read by the clock. */
static void read_slowly(void) {
    static int64_t next_ns;
    if (!slow_count || now_ns() < next_ns) return;
    next_ns = now_ns() + 100000000;
    for (int i = 0; i < slow_count; i++)
        if (all[i].joined && !all[i].closed) readable(&all[i], rate / 10);
}

static int first_there(void) {
    int first = slow_count;
    while (first < count && all[first].closed) first++;
    return first;
}

static unsigned long long first_order(void) {
    int first = first_there();
    return first < count ? all[first].order : 0;
}

/* Everybody has heard the same, in the same order. */
static void compare(void) {
    int first = first_there();
    for (int i = first; i < count; i++)
        if (!all[i].closed && (all[i].heard != all[first].heard || all[i].order != all[first].order)) wrong++;
}

static void wait_for_frames(int timeout_ms) {
    struct epoll_event events[512];
    int ready = epoll_wait(epoll_fd, events, 512, timeout_ms);
    for (int i = 0; i < ready; i++) {
        uint32_t index = events[i].data.u32;
        if (index == UINT32_MAX) {
            char ignored[64];
            if (read(0, ignored, sizeof ignored) <= 0) {
                compare();
                printf("end %ld %ld %ld %ld %llu\n", frames, wrong, closed, resumes, first_order());
                exit(0);
            }
        } else if (!all[index].closed) {
            readable(&all[index], BUFFER);
            if (all[index].slow && all[index].joined && !all[index].closed)
                epoll_ctl(epoll_fd, EPOLL_CTL_DEL, all[index].fd, NULL);
        }
    }
    read_slowly();
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    port = atoi(argv[1]);
    count = atoi(argv[2]);
    path = argv[3];
    join = argv[4];
    joined_mark = argv[5];
    slow_count = atoi(argv[6]);
    rate = atoi(argv[7]);
    listening = count - slow_count;
    all = calloc(count, sizeof *all);
    later = calloc(count, sizeof *later);
    heard = calloc(MESSAGES, sizeof *heard);
    epoll_fd = epoll_create1(0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int64_t begun_ns = now_ns();
    for (int made = 0, tried = 0; joined < count;) {
        int index = -1;
        if (open_count - joined < WINDOW) index = whose_turn();
        if (index < 0 && made < count && open_count - joined < WINDOW) index = made++;
        if (index >= 0) {
            add(index);
            if (++tried % 16 == 0) wait_for_frames(0);
        } else {
            wait_for_frames(100);
        }
        if (closed) die("a socket was closed while others joined");
    }
    printf("joined %d %lld %ld\n", joined, (long long)(now_ns() - begun_ns), refused);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
    for (;;) wait_for_frames(slow_count ? 50 : -1);
}

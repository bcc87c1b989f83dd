/* The limit: one frame to every socket by a loop of send(), and nothing else.

   bare COUNT: prints its port, takes COUNT connections, prints "ready"; for every line of its input sends that line as
   a WebSocket text frame to all of them, and answers "sent". */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0, *sockets = calloc(count, sizeof *sockets), yes = 1;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    static char line[65536];
    static unsigned char frame[65600];
    if (bind(door, (struct sockaddr *)&here, sizeof here) || listen(door, 4096)) return 1;
    getsockname(door, (struct sockaddr *)&here, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%d\n", ntohs(here.sin_port));
    for (int i = 0; i < count; i++) {
        sockets[i] = accept(door, NULL, NULL);
        if (sockets[i] < 0) return 1;
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    puts("ready");
    while (fgets(line, sizeof line, stdin)) {
        size_t length = strcspn(line, "\n"), head = length < 126 ? 2 : 4;
        frame[0] = 0x81;
        frame[1] = length < 126 ? length : 126;
        if (head == 4) {
            frame[2] = length >> 8;
            frame[3] = length & 255;
        }
        memcpy(frame + head, line, length);
        for (int i = 0; i < count; i++)
            if (send(sockets[i], frame, head + length, MSG_NOSIGNAL) != (ssize_t)(head + length)) return 1;
        puts("sent");
    }
    return 0;
}

// mosquitto at QoS 0 for the same bodies: one process publishes, the broker passes on, one process
// subscribes and counts. Both clients are these lines, MQTT 3.1.1 on a socket each: what is
// published goes out many messages a system call, which no client library does, and who publishes
// is never more than a window ahead of who counts, by memory that the two share.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bus/rate.h"

#define WINDOW 4096u
#define A_WRITE 128u // messages in one system call
#define TOPIC "value"
#define HEAD_MAX (1 + 2 + 2 + sizeof(TOPIC) - 1)
#define CONFIGURATION                                                                              \
    "listener %u 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n"              \
    "max_queued_messages 0\nset_tcp_nodelay true\n"

static char configuration[] = "/tmp/tutti-mosquitto-XXXXXX";

// Where the broker is, or NULL; Debian has it where only root looks.
static const char *find_broker(void)
{
    static char path[4096];
    char *places = getenv("PATH"), *copy = NULL;
    if (asprintf(&copy, "%s:/usr/sbin:/usr/local/sbin", places != NULL ? places : "") < 0)
        return NULL;
    bool found = false;
    for (char *rest = copy, *place; !found && (place = strsep(&rest, ":")) != NULL;) {
        snprintf(path, sizeof(path), "%s/mosquitto", place);
        found = access(path, X_OK) == 0;
    }
    free(copy);
    return found ? path : NULL;
}

static pid_t start_broker(const char *path, uint16_t port)
{
    int file = mkstemp(configuration);
    if (file < 0 || dprintf(file, CONFIGURATION, port) < 0)
        fail("no file for mosquitto's configuration");
    close(file);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) // it has much to say of its user
            _exit(127);
        execl(path, "mosquitto", "-c", configuration, (char *)NULL);
        _exit(127);
    }
    return child;
}

static void write_all(int connection, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(connection, bytes, length);
        if (written <= 0)
            fail("mosquitto has closed a connection");
        bytes += written;
        length -= (size_t)written;
    }
}

// Sends a packet, and takes what answers it.
static void exchange(int connection, const uint8_t *packet, size_t length, size_t answer)
{
    uint8_t bytes[8];
    write_all(connection, packet, length);
    if (recv(connection, bytes, answer, MSG_WAITALL) != (ssize_t)answer)
        fail("mosquitto does not answer");
}

static int connect_as(uint16_t port, char name)
{
    const uint8_t packet[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, (uint8_t)name};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 200; tries++) {
        int connection = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        if (connect(connection, (struct sockaddr *)&to, sizeof(to)) == 0) {
            setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            exchange(connection, packet, sizeof(packet), 4);
            return connection;
        }
        close(connection);
        usleep(10000);
    }
    fail("mosquitto does not listen");
}

// The length behind a packet's first byte (MQTT 3.1.1, 2.2.3), one or two bytes of it; returns how
// many.
static size_t write_length(uint8_t *bytes, size_t length)
{
    bytes[0] = (uint8_t)(length & 127);
    if (length < 128)
        return 1;
    bytes[0] |= 128;
    bytes[1] = (uint8_t)(length >> 7);
    return 2;
}

static size_t read_length(const uint8_t *bytes, size_t *length)
{
    *length = bytes[0] & 127;
    if (bytes[0] < 128)
        return 1;
    *length |= (size_t)bytes[1] << 7;
    return 2;
}

typedef struct counted {
    tally come;
    atomic_ullong count;
} counted;

// Takes what is published until it is ended.
static void subscribe(uint16_t port, size_t body, counted *c, int ready)
{
    static uint8_t bytes[1 << 18];
    const uint8_t packet[] = {
        0x82, 5 + sizeof(TOPIC) - 1, 0, 1, 0, sizeof(TOPIC) - 1, 'v', 'a', 'l', 'u', 'e', 0};
    int connection = connect_as(port, 's');
    exchange(connection, packet, sizeof(packet), 5);
    if (write(ready, "", 1) != 1)
        fail("nobody waits for the subscriber");
    for (size_t have = 0;;) {
        ssize_t got = read(connection, bytes + have, sizeof(bytes) - have);
        if (got <= 0)
            fail("mosquitto has closed a connection");
        have += (size_t)got;
        size_t at = 0;
        while (have - at > 3) {
            size_t length, head = 1 + read_length(bytes + at + 1, &length);
            if (have - at < head + length)
                break;
            size_t before = 2 + sizeof(TOPIC) - 1;
            if (bytes[at] != 0x30 || length != before + body)
                fail("mosquitto passes on something else");
            take_body(&c->come, bytes + at + head + before, body);
            at += head + length;
        }
        memmove(bytes, bytes + at, have -= at);
        atomic_store(&c->count, c->come.count);
    }
}

static size_t write_message(uint8_t *bytes, size_t body, uint64_t number)
{
    size_t at = 1 + write_length(bytes + 1, 2 + sizeof(TOPIC) - 1 + body);
    bytes[0] = 0x30;
    bytes[at++] = 0;
    bytes[at++] = sizeof(TOPIC) - 1;
    memcpy(bytes + at, TOPIC, sizeof(TOPIC) - 1);
    at += sizeof(TOPIC) - 1;
    make_body(bytes + at, body, number);
    return at + body;
}

// Returns how many were published; `taken`: until all have come, or no more come.
static uint64_t publish(uint16_t port, size_t body, counted *c, double seconds, double *taken)
{
    static uint8_t bytes[A_WRITE * (HEAD_MAX + BODY_MAX)];
    int connection = connect_as(port, 'p');
    double begun = now_seconds(), waited = begun;
    uint64_t sent = 0, seen = 0;
    while (now_seconds() < begun + seconds) {
        if (sent - atomic_load(&c->count) > WINDOW - A_WRITE) {
            usleep(20);
            continue;
        }
        size_t length = 0;
        for (unsigned i = 0; i < A_WRITE; i++)
            length += write_message(bytes + length, body, sent++);
        write_all(connection, bytes, length);
    }
    for (waited = now_seconds(); seen < sent && now_seconds() < waited + 1;) {
        if (atomic_load(&c->count) > seen)
            waited = now_seconds();
        seen = atomic_load(&c->count);
        usleep(20);
    }
    *taken = waited - begun;
    return sent;
}

void measure_mosquitto(const char *name, size_t length, double seconds)
{
    const char *path = find_broker();
    if (path == NULL) {
        fprintf(stderr, "bench_rate: %s: mosquitto is not installed\n", name);
        return;
    }
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
    int ready[2];
    char byte;
    counted *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c == MAP_FAILED || pipe(ready) != 0)
        fail("no memory to count in");
    pid_t broker = start_broker(path, port), subscriber = fork();
    if (subscriber == 0) {
        subscribe(port, length, c, ready[1]);
        _exit(1);
    }
    if (read(ready[0], &byte, 1) != 1)
        fail("the subscriber does not begin");
    double taken;
    uint64_t sent = publish(port, length, c, seconds, &taken);
    kill(subscriber, SIGKILL);
    kill(broker, SIGTERM);
    waitpid(subscriber, NULL, 0);
    waitpid(broker, NULL, 0);
    unlink(configuration);
    print_rate(name, &c->come, length, sent, taken);
}

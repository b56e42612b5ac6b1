/*
 * TFTP load client: many downloads of one file at once, from one thread.
 * RFC 1350 with blksize and tsize (RFC 2348, 2349) and windowsize (RFC 7440).
 *
 * Every byte received is compared with the file it should be. Each download comes from an address of its own in
 * 127.0.0.0/8, as boards do. Prints one line of JSON and exits 0, also when downloads failed: the numbers say so.
 *
 * usage: load HOST PORT NAME FILE DOWNLOADS AT_ONCE BLKSIZE WINDOWSIZE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };
enum { MAX_PACKET = 65536, PATIENCE_MS = 3000, TRIES = 8, TIMER_MS = 50 };

struct download {
  int socket;
  bool connected;      /* the server's port is known */
  bool oack_seen;
  unsigned blksize, windowsize;
  uint64_t next;       /* block expected next, counted from 1 */
  uint64_t bytes;
  unsigned in_window;  /* blocks since the last ACK */
  uint64_t gap_acked;  /* gap that was told to the server already */
  int tries;
  int64_t deadline;
};

static struct {
  uint64_t ok, failed, corrupt, bytes, duplicates, gaps, timeouts, blocks;
} count;

static struct sockaddr_in server;
static const char *name;
static const uint8_t *expected;
static uint64_t expected_size;
static unsigned want_blksize, want_windowsize;
static unsigned got_blksize, got_windowsize;
static int poller;

static void die(const char *what) {
  perror(what);
  exit(2);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t put_option(char *at, const char *option, unsigned value) {
  size_t length = strlen(option) + 1;
  memcpy(at, option, length);
  return length + (size_t)sprintf(at + length, "%u", value) + 1;
}

static void send_request(struct download *d) {
  char packet[512] = {0, RRQ};
  size_t length = 2;
  length += (size_t)snprintf(packet + length, 256, "%s", name) + 1;
  memcpy(packet + length, "octet", 6);
  length += 6;
  length += put_option(packet + length, "tsize", 0);
  length += put_option(packet + length, "blksize", want_blksize);
  if (want_windowsize > 1) length += put_option(packet + length, "windowsize", want_windowsize);
  sendto(d->socket, packet, length, 0, (struct sockaddr *)&server, sizeof server);
}

static void send_ack(struct download *d, uint64_t block) {
  uint8_t packet[4] = {0, ACK, (uint8_t)(block >> 8), (uint8_t)block};
  send(d->socket, packet, sizeof packet, 0);
  d->in_window = 0;
}

static void begin(struct download *d, uint32_t index) {
  int buffer = 1 << 20;
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f400001 + index)};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = d};
  *d = (struct download){.blksize = 512, .windowsize = 1, .next = 1, .deadline = now_ms() + PATIENCE_MS};
  d->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (d->socket < 0) die("socket");
  setsockopt(d->socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (bind(d->socket, (struct sockaddr *)&self, sizeof self)) die("bind");
  if (epoll_ctl(poller, EPOLL_CTL_ADD, d->socket, &event)) die("epoll_ctl");
  send_request(d);
}

static void finish(struct download *d, bool delivered) {
  if (!delivered) count.failed++;
  else if (d->bytes != expected_size) count.corrupt++;
  else count.ok++;
  got_blksize = d->blksize;
  got_windowsize = d->windowsize;
  close(d->socket);
  d->socket = -1;
}

static void on_oack(struct download *d, const char *at, const char *end) {
  if (d->oack_seen) return;
  d->oack_seen = true;
  while (at < end) {
    const char *option = at, *value = option + strnlen(option, (size_t)(end - option)) + 1;
    if (value >= end) break;
    if (!strcasecmp(option, "blksize")) d->blksize = (unsigned)atoi(value);
    if (!strcasecmp(option, "windowsize")) d->windowsize = (unsigned)atoi(value);
    at = value + strnlen(value, (size_t)(end - value)) + 1;
  }
  send_ack(d, 0);
}

/* A block that is not the next one: a copy of one we have, or a sign that one was lost. */
static void on_stray(struct download *d, uint16_t block) {
  if ((int16_t)(block - (uint16_t)d->next) < 0) {
    count.duplicates++;
    if (d->windowsize == 1 || ++d->in_window >= d->windowsize) send_ack(d, d->next - 1);
    return;
  }
  count.gaps++;
  if (d->gap_acked != d->next) {
    d->gap_acked = d->next;
    send_ack(d, d->next - 1);
  }
}

static void on_data(struct download *d, const uint8_t *packet, size_t length) {
  uint16_t block = (uint16_t)(packet[2] << 8 | packet[3]);
  size_t size = length - 4;
  count.blocks++;
  if (block != (uint16_t)d->next) {
    on_stray(d, block);
    return;
  }
  if (d->bytes + size > expected_size || memcmp(packet + 4, expected + d->bytes, size)) {
    count.corrupt++;
    finish(d, false);
    return;
  }
  d->bytes += size;
  count.bytes += size;
  d->next++;
  d->in_window++;
  if (size < d->blksize) {
    send_ack(d, d->next - 1);
    finish(d, true);
  } else if (d->in_window >= d->windowsize) {
    send_ack(d, d->next - 1);
  }
}

static void on_readable(struct download *d) {
  static uint8_t packet[MAX_PACKET];
  struct sockaddr_in from;
  socklen_t from_size = sizeof from;
  ssize_t length = d->connected ? recv(d->socket, packet, sizeof packet, 0)
                                : recvfrom(d->socket, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_size);
  if (length < 4) return;
  if (!d->connected) {
    d->connected = true;
    connect(d->socket, (struct sockaddr *)&from, from_size);
  }
  d->tries = 0;
  d->deadline = now_ms() + PATIENCE_MS;
  if (packet[1] == OACK) on_oack(d, (char *)packet + 2, (char *)packet + length);
  else if (packet[1] == DATA) on_data(d, packet, (size_t)length);
  else if (packet[1] == ERROR) finish(d, false);
}

static void on_silence(struct download *d) {
  count.timeouts++;
  if (++d->tries > TRIES) {
    finish(d, false);
    return;
  }
  d->deadline = now_ms() + PATIENCE_MS;
  if (d->connected) send_ack(d, d->next - 1);
  else send_request(d);
}

static void map_file(const char *path) {
  struct stat info;
  int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &info)) die(path);
  expected_size = (uint64_t)info.st_size;
  expected = mmap(NULL, expected_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (expected == MAP_FAILED) die("mmap");
  close(file);
}

/* Puts a new download into each free place as long as there are any left; true while any is running. */
static bool refill(struct download *downloads, unsigned places, unsigned *left) {
  bool running = false;
  for (unsigned i = 0; i < places; i++) {
    if (downloads[i].socket < 0 && *left > 0) begin(&downloads[i], --*left);
    if (downloads[i].socket >= 0) running = true;
  }
  return running;
}

int main(int argc, char **argv) {
  struct epoll_event events[256];
  if (argc != 9) {
    fprintf(stderr, "usage: load HOST PORT NAME FILE DOWNLOADS AT_ONCE BLKSIZE WINDOWSIZE\n");
    return 2;
  }
  server.sin_family = AF_INET;
  server.sin_port = htons((uint16_t)atoi(argv[2]));
  if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) die("HOST");
  name = argv[3];
  map_file(argv[4]);
  unsigned left = (unsigned)atoi(argv[5]), places = (unsigned)atoi(argv[6]);
  want_blksize = (unsigned)atoi(argv[7]);
  want_windowsize = (unsigned)atoi(argv[8]);
  poller = epoll_create1(0);

  struct download *downloads = calloc(places, sizeof *downloads);
  if (!downloads) die("calloc");
  for (unsigned i = 0; i < places; i++) downloads[i].socket = -1;

  int64_t started = now_ms(), next_timer = started + TIMER_MS;
  while (refill(downloads, places, &left)) {
    uint64_t over = count.ok + count.failed + count.corrupt;
    while (over == count.ok + count.failed + count.corrupt) {
      int ready = epoll_wait(poller, events, 256, TIMER_MS);
      for (int i = 0; i < ready; i++) {
        struct download *d = events[i].data.ptr;
        if (d->socket >= 0) on_readable(d);
      }
      int64_t now = now_ms();
      if (now < next_timer) continue;
      next_timer = now + TIMER_MS;
      for (unsigned i = 0; i < places; i++) {
        if (downloads[i].socket >= 0 && downloads[i].deadline < now) on_silence(&downloads[i]);
      }
    }
  }
  printf("{\"ok\":%llu,\"failed\":%llu,\"corrupt\":%llu,\"bytes\":%llu,\"blocks\":%llu,\"duplicates\":%llu,\"gaps\":%llu,"
         "\"timeouts\":%llu,\"blksize\":%u,\"windowsize\":%u,\"seconds\":%.3f}\n",
         (unsigned long long)count.ok, (unsigned long long)count.failed, (unsigned long long)count.corrupt,
         (unsigned long long)count.bytes, (unsigned long long)count.blocks, (unsigned long long)count.duplicates,
         (unsigned long long)count.gaps, (unsigned long long)count.timeouts, got_blksize, got_windowsize,
         (double)(now_ms() - started) / 1000);
  return 0;
}

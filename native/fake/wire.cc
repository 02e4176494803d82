#include "wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace farside::fake {
namespace {

struct Wire {
  int fd;
  bool ending = false;
  std::string in;   // only the wire thread reads and writes it
  std::string out;  // what the socket did not take at once
};

// `lock` is the innermost: nothing else is locked under it.
struct Network {
  std::mutex lock;
  std::map<WireId, Wire> wires;
  std::map<uint16_t, int> ports;  // sockets
  WireId nextWire = 1;
  int epoll = -1;
  pthread_t thread;
  WireEnds ends;
};

Network& network() {
  static auto* network = new Network();
  return *network;
}

constexpr WireId kListener = WireId{1} << 63;

// An abstract address: it ends with its process, and leaves no file behind.
socklen_t addressOf(uint16_t port, sockaddr_un* address) {
  const std::string name =
      std::string("farside-fake-") + getenv("FARSIDE_FAKE_NETWORK") + "-" + std::to_string(port);
  *address = {};
  address->sun_family = AF_UNIX;
  const size_t length = std::min(name.size(), sizeof(address->sun_path) - 1);
  std::memcpy(address->sun_path + 1, name.data(), length);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
}

void watch(int fd, WireId id, uint32_t events, int operation) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = id;
  epoll_ctl(network().epoll, operation, fd, &event);
}

// Sends what the socket takes. False where the wire is to be closed. The network is locked.
bool flushOut(WireId id, Wire* wire) {
  while (!wire->out.empty()) {
    const ssize_t sent = send(wire->fd, wire->out.data(), wire->out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    wire->out.erase(0, static_cast<size_t>(sent));
  }
  watch(wire->fd, id, EPOLLIN | (wire->out.empty() ? 0u : EPOLLOUT), EPOLL_CTL_MOD);
  return !(wire->ending && wire->out.empty());
}

WireId adopt(int fd) {
  Network& net = network();
  const WireId id = net.nextWire++;
  net.wires[id].fd = fd;
  watch(fd, id, EPOLLIN, EPOLL_CTL_ADD);
  return id;
}

void takeWires(int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    std::lock_guard<std::mutex> guard(network().lock);
    adopt(fd);
  }
}

// Reads what has come; false at its end.
bool readIn(int fd, std::string* in) {
  char buffer[65536];
  for (;;) {
    const ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got > 0) {
      in->append(buffer, static_cast<size_t>(got));
      continue;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

void hear(WireId id, std::string* in) {
  size_t at = 0;
  Frame frame;
  while (in->size() - at >= sizeof(frame)) {
    std::memcpy(&frame, in->data() + at, sizeof(frame));
    if (in->size() - at - sizeof(frame) < frame.payloadBytes) break;
    const auto* bytes = reinterpret_cast<const uint8_t*>(in->data()) + at + sizeof(frame);
    network().ends.heard(id, frame, Payload(bytes, bytes + frame.payloadBytes));
    at += sizeof(frame) + frame.payloadBytes;
  }
  in->erase(0, at);
}

void serve(WireId id, uint32_t events) {
  Network& net = network();
  int fd = -1;
  std::string in;
  bool open = true;
  {
    std::lock_guard<std::mutex> guard(net.lock);
    auto found = net.wires.find(id);
    if (found == net.wires.end()) return;
    fd = found->second.fd;
    in = std::move(found->second.in);
    if ((events & EPOLLOUT) != 0) open = flushOut(id, &found->second);
  }
  // Only this thread closes descriptors of wires, so `fd` is still this wire's.
  if (open) open = readIn(fd, &in);
  hear(id, &in);
  {
    std::lock_guard<std::mutex> guard(net.lock);
    auto found = net.wires.find(id);
    if (found == net.wires.end()) return;
    found->second.in = std::move(in);
    if (open && !(found->second.ending && found->second.out.empty())) return;
    close(found->second.fd);
    net.wires.erase(found);
  }
  net.ends.ended(id);
}

void run() {
  epoll_event events[64];
  for (;;) {
    const int count = epoll_wait(network().epoll, events, 64, -1);
    for (int i = 0; i < count; i++) {
      const uint64_t id = events[i].data.u64;
      if ((id & kListener) != 0) takeWires(static_cast<int>(id & ~kListener));
      else serve(id, events[i].events);
    }
  }
}

void start() {
  static std::once_flag once;
  std::call_once(once, [] {
    network().epoll = epoll_create1(EPOLL_CLOEXEC);
    std::thread thread(run);
    network().thread = thread.native_handle();
    thread.detach();
  });
}

}  // namespace

bool hasNetwork() {
  const char* name = getenv("FARSIDE_FAKE_NETWORK");
  return name != nullptr && *name != 0;
}

void onWires(WireEnds ends) { network().ends = std::move(ends); }

int claimPort(uint16_t port) {
  start();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address;
  const socklen_t length = addressOf(port, &address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  std::lock_guard<std::mutex> guard(network().lock);
  network().ports[port] = fd;
  return 0;
}

void listenAt(uint16_t port) {
  std::lock_guard<std::mutex> guard(network().lock);
  const int fd = network().ports[port];
  listen(fd, 1024);
  watch(fd, kListener | static_cast<WireId>(fd), EPOLLIN, EPOLL_CTL_ADD);
}

void leavePort(uint16_t port) {
  std::lock_guard<std::mutex> guard(network().lock);
  auto found = network().ports.find(port);
  if (found == network().ports.end()) return;
  close(found->second);
  network().ports.erase(found);
}

WireId wireTo(uint16_t port) {
  start();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address;
  const socklen_t length = addressOf(port, &address);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    close(fd);
    return 0;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  std::lock_guard<std::mutex> guard(network().lock);
  return adopt(fd);
}

void sendFrame(WireId id, const Frame& frame, const void* payload) {
  std::lock_guard<std::mutex> guard(network().lock);
  auto found = network().wires.find(id);
  if (found == network().wires.end() || found->second.ending) return;
  Wire& wire = found->second;
  wire.out.append(reinterpret_cast<const char*>(&frame), sizeof(frame));
  wire.out.append(static_cast<const char*>(payload), frame.payloadBytes);
  flushOut(id, &wire);
}

// The descriptor itself is closed by the wire thread, which sees the shutdown.
void endWire(WireId id) {
  std::lock_guard<std::mutex> guard(network().lock);
  auto found = network().wires.find(id);
  if (found == network().wires.end()) return;
  found->second.ending = true;
  flushOut(id, &found->second);
  if (found->second.out.empty()) shutdown(found->second.fd, SHUT_RDWR);
}

uint64_t threadCpuNs() {
  Network& net = network();
  if (net.epoll < 0) return 0;
  clockid_t clock;
  timespec time = {};
  if (pthread_getcpuclockid(net.thread, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1000000000ull + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace farside::fake

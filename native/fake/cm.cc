// The connection manager between threads of this process: ports, requests, answers. Addresses are
// taken as they come; only the port says who listens. Events arrive as they do from the kernel: on
// the channel of the id they are about, by a descriptor that can be polled.
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "fake.h"
#include "objects.h"

namespace farside::fake {
namespace {

struct FakeEvent {
  rdma_cm_event event;
  std::vector<uint8_t> privateData;
};

struct FakeEventChannel {
  rdma_event_channel channel;
  std::deque<FakeEvent*> events;
};

struct FakeId {
  rdma_cm_id id;
  FakeId* peer;        // from a request until one side disconnects or is destroyed
  uint16_t listening;  // the port, or 0
  uint32_t qpNum;
  uint32_t peerQpNum;
};

struct Manager {
  std::mutex lock;
  std::map<uint16_t, FakeId*> listeners;
  std::set<FakeId*> ids;
  uint16_t nextPort = 40000;
};

Manager& manager() {
  static auto* manager = new Manager();
  return *manager;
}

FakeId* idOf(rdma_cm_id* id) { return reinterpret_cast<FakeId*>(id); }

uint16_t portOf(const sockaddr* address) {
  return address->sa_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port)
                                        : ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

void keepAddress(sockaddr_storage* into, const sockaddr* address) {
  std::memcpy(into, address, address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
}

FakeEvent* send(FakeId* to, rdma_cm_event_type type, int status = 0) {
  auto* event = new FakeEvent{};
  event->event.id = &to->id;
  event->event.event = type;
  event->event.status = status;
  auto* channel = reinterpret_cast<FakeEventChannel*>(to->id.channel);
  channel->events.push_back(event);
  const uint64_t one = 1;
  if (write(channel->channel.fd, &one, sizeof(one)) < 0) delete event;
  return event;
}

void carry(FakeEvent* event, const rdma_conn_param* parameters, uint32_t qpNum) {
  if (parameters == nullptr) return;
  auto* data = static_cast<const uint8_t*>(parameters->private_data);
  event->privateData.assign(data, data + parameters->private_data_len);
  event->event.param.conn = *parameters;
  event->event.param.conn.private_data = event->privateData.data();
  event->event.param.conn.qp_num = qpNum;
}

FakeId* makeId(rdma_event_channel* channel) {
  auto* id = new FakeId{};
  id->id.channel = channel;
  id->id.ps = RDMA_PS_TCP;
  id->id.qp_type = IBV_QPT_RC;
  manager().ids.insert(id);
  return id;
}

rdma_event_channel* createEventChannel() {
  auto* channel = new FakeEventChannel{};
  channel->channel.fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
  return &channel->channel;
}

void destroyEventChannel(rdma_event_channel* base) {
  auto* channel = reinterpret_cast<FakeEventChannel*>(base);
  close(base->fd);
  for (FakeEvent* event : channel->events) delete event;
  delete channel;
}

int createId(rdma_event_channel* channel, rdma_cm_id** id, void* context, rdma_port_space) {
  std::lock_guard<std::mutex> guard(manager().lock);
  *id = &makeId(channel)->id;
  (*id)->context = context;
  return 0;
}

// The other side sees a disconnect.
void part(FakeId* id) {
  FakeId* peer = id->peer;
  if (peer == nullptr) return;
  id->peer = peer->peer = nullptr;
  send(peer, RDMA_CM_EVENT_DISCONNECTED);
}

int destroyId(rdma_cm_id* base) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  part(id);
  if (id->listening != 0) manager().listeners.erase(id->listening);
  // Nobody will ask for events of an id that is gone, except those of requests, whose ids are
  // others.
  auto* channel = reinterpret_cast<FakeEventChannel*>(base->channel);
  for (auto it = channel->events.begin(); it != channel->events.end();) {
    const bool own = (*it)->event.id == base || (*it)->event.listen_id == base;
    if (!own) {
      ++it;
      continue;
    }
    uint64_t one = 0;
    if (read(channel->channel.fd, &one, sizeof(one)) < 0) return -1;
    delete *it;
    it = channel->events.erase(it);
  }
  manager().ids.erase(id);
  delete id;
  return 0;
}

int bindAddr(rdma_cm_id* base, sockaddr* address) {
  std::lock_guard<std::mutex> guard(manager().lock);
  uint16_t port = portOf(address);
  if (port == 0) port = manager().nextPort++;
  if (manager().listeners.count(port) != 0) {
    errno = EADDRINUSE;
    return -1;
  }
  keepAddress(&base->route.addr.src_storage, address);
  // The port lies at the same place in both families.
  base->route.addr.src_sin.sin_port = htons(port);
  base->verbs = context();
  base->port_num = 1;
  return 0;
}

int listen(rdma_cm_id* base, int) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  id->listening = ntohs(base->route.addr.src_sin.sin_port);
  manager().listeners[id->listening] = id;
  return 0;
}

int resolveAddr(rdma_cm_id* base, sockaddr*, sockaddr* destination, int) {
  std::lock_guard<std::mutex> guard(manager().lock);
  keepAddress(&base->route.addr.dst_storage, destination);
  base->verbs = context();
  base->port_num = 1;
  send(idOf(base), RDMA_CM_EVENT_ADDR_RESOLVED);
  return 0;
}

int resolveRoute(rdma_cm_id* base, int) {
  std::lock_guard<std::mutex> guard(manager().lock);
  send(idOf(base), RDMA_CM_EVENT_ROUTE_RESOLVED);
  return 0;
}

int connect(rdma_cm_id* base, rdma_conn_param* parameters) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  auto found = manager().listeners.find(ntohs(base->route.addr.dst_sin.sin_port));
  if (found == manager().listeners.end()) {
    // As RoCE answers a port on which nobody listens: "invalid service id".
    send(id, RDMA_CM_EVENT_REJECTED, 8);
    return 0;
  }
  FakeId* listener = found->second;
  FakeId* request = makeId(listener->id.channel);
  request->id.verbs = context();
  request->id.port_num = 1;
  request->id.route.addr.dst_sin.sin_family = AF_INET;
  request->id.route.addr.dst_sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  request->peer = id;
  id->peer = request;
  id->qpNum = request->peerQpNum = parameters->qp_num;
  FakeEvent* event = send(request, RDMA_CM_EVENT_CONNECT_REQUEST);
  event->event.listen_id = &listener->id;
  carry(event, parameters, id->qpNum);
  return 0;
}

int accept(rdma_cm_id* base, rdma_conn_param* parameters) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  if (id->peer == nullptr) {
    errno = ENOTCONN;
    return -1;
  }
  id->qpNum = id->peer->peerQpNum = parameters->qp_num;
  carry(send(id->peer, RDMA_CM_EVENT_CONNECT_RESPONSE), parameters, id->qpNum);
  return 0;
}

int reject(rdma_cm_id* base, const void* data, uint8_t length) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  FakeId* peer = id->peer;
  if (peer == nullptr) return 0;
  id->peer = peer->peer = nullptr;
  rdma_conn_param parameters = {};
  parameters.private_data = data;
  parameters.private_data_len = length;
  carry(send(peer, RDMA_CM_EVENT_REJECTED, 28), &parameters, 0);
  return 0;
}

int establish(rdma_cm_id* base) {
  std::lock_guard<std::mutex> guard(manager().lock);
  if (idOf(base)->peer != nullptr) send(idOf(base)->peer, RDMA_CM_EVENT_ESTABLISHED);
  return 0;
}

int disconnect(rdma_cm_id* base) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  if (id->peer == nullptr) {
    errno = EINVAL;
    return -1;
  }
  part(id);
  send(id, RDMA_CM_EVENT_DISCONNECTED);
  return 0;
}

int getCmEvent(rdma_event_channel* base, rdma_cm_event** event) {
  uint64_t one = 0;
  if (read(base->fd, &one, sizeof(one)) != sizeof(one)) return -1;
  std::lock_guard<std::mutex> guard(manager().lock);
  auto* channel = reinterpret_cast<FakeEventChannel*>(base);
  *event = &channel->events.front()->event;
  channel->events.pop_front();
  return 0;
}

int ackCmEvent(rdma_cm_event* event) {
  delete reinterpret_cast<FakeEvent*>(event);
  return 0;
}

int initQpAttr(rdma_cm_id* base, ibv_qp_attr* attributes, int* mask) {
  std::lock_guard<std::mutex> guard(manager().lock);
  *mask = IBV_QP_STATE;
  if (attributes->qp_state == IBV_QPS_INIT) {
    attributes->port_num = 1;
    attributes->qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;
    *mask |= IBV_QP_PORT | IBV_QP_PKEY_INDEX | IBV_QP_ACCESS_FLAGS;
  } else if (attributes->qp_state == IBV_QPS_RTR) {
    attributes->path_mtu = IBV_MTU_4096;
    attributes->dest_qp_num = idOf(base)->peerQpNum;
    attributes->max_dest_rd_atomic = 16;
    *mask |= IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
             IBV_QP_MIN_RNR_TIMER | IBV_QP_AV;
  } else {
    attributes->max_rd_atomic = 16;
    attributes->retry_cnt = attributes->rnr_retry = 7;
    *mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC;
  }
  return 0;
}

}  // namespace

size_t openIds() {
  std::lock_guard<std::mutex> guard(manager().lock);
  return manager().ids.size();
}

void fillConnectionManager(Library* t) {
  t->createEventChannel = createEventChannel;
  t->destroyEventChannel = destroyEventChannel;
  t->createId = createId;
  t->destroyId = destroyId;
  t->bindAddr = bindAddr;
  t->listen = listen;
  t->resolveAddr = resolveAddr;
  t->resolveRoute = resolveRoute;
  t->connect = connect;
  t->establish = establish;
  t->accept = accept;
  t->reject = reject;
  t->disconnect = disconnect;
  t->getCmEvent = getCmEvent;
  t->ackCmEvent = ackCmEvent;
  t->initQpAttr = initQpAttr;
}

}  // namespace farside::fake

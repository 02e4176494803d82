// The connection manager between threads of this process, and over wires (wire.h) between processes:
// ports, requests, answers. Addresses are taken as they come; only the port says who listens. Events
// arrive as they do from the kernel: on the channel of the id they are about, by a descriptor that can be
// polled.
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
#include "wire.h"

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
  WireId wire;         // instead, where the peer is in another process
  bool answered;       // over a wire: the other side has accepted
  uint16_t listening;  // the port, or 0
  uint32_t qpNum;
  uint32_t peerQpNum;
  uint8_t readsIn, readsOut;  // READs and atomics outstanding that were agreed on, each way
};

struct Manager {
  std::mutex lock;
  std::map<uint16_t, FakeId*> listeners;
  std::set<FakeId*> ids;
  std::map<WireId, FakeId*> byWire;
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

// 192.0.2.0/24, which is nobody's (RFC 5737), is where this device does not lead.
bool isNowhere(const sockaddr* address) {
  if (address->sa_family != AF_INET) return false;
  const uint32_t host = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
  return host >> 8 == 0xc00002;
}

bool isAny(const sockaddr* address) {
  return address->sa_family == AF_INET &&
         reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == INADDR_ANY;
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

// Parameters of a connection as they travel, with their private data behind them.
void sendOver(FakeId* id, FrameKind kind, const rdma_conn_param* parameters, int status = 0) {
  static const rdma_conn_param none = {};
  if (parameters == nullptr) parameters = &none;
  Frame frame = {};
  frame.kind = kind;
  frame.from = parameters->qp_num;
  frame.to = id->peerQpNum;
  frame.payloadBytes = parameters->private_data_len;
  frame.connection.port = ntohs(id->id.route.addr.dst_sin.sin_port);
  frame.connection.responderResources = parameters->responder_resources;
  frame.connection.initiatorDepth = parameters->initiator_depth;
  frame.connection.status = status;
  sendFrame(id->wire, frame, parameters->private_data);
}

void leaveWire(FakeId* id) {
  if (id->wire == 0) return;
  manager().byWire.erase(id->wire);
  endWire(id->wire);
  id->wire = 0;
}

// What one side asks of itself is what the other is asked for, and events say it as their reader's own: the
// sender's initiator depth is the receiver's responder resources (rdma_get_cm_event(3)).
void carry(FakeEvent* event, const rdma_conn_param* parameters, uint32_t qpNum) {
  if (parameters == nullptr) return;
  auto* data = static_cast<const uint8_t*>(parameters->private_data);
  event->privateData.assign(data, data + parameters->private_data_len);
  event->event.param.conn = *parameters;
  event->event.param.conn.responder_resources = parameters->initiator_depth;
  event->event.param.conn.initiator_depth = parameters->responder_resources;
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
  leaveWire(id);
  FakeId* peer = id->peer;
  if (peer == nullptr) return;
  id->peer = peer->peer = nullptr;
  send(peer, RDMA_CM_EVENT_DISCONNECTED);
}

int destroyId(rdma_cm_id* base) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  part(id);
  if (id->listening != 0) {
    manager().listeners.erase(id->listening);
    leavePort(id->listening);
  }
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
  if (isNowhere(address)) {
    errno = ENODEV;
    return -1;
  }
  uint16_t port = portOf(address);
  const bool any = port == 0;
  int error = 0;
  do {
    if (any) port = manager().nextPort++;
    error = manager().listeners.count(port) != 0 ? EADDRINUSE : hasNetwork() ? claimPort(port) : 0;
  } while (any && error == EADDRINUSE);
  if (error != 0) {
    errno = error;
    return -1;
  }
  keepAddress(&base->route.addr.src_storage, address);
  // The port lies at the same place in both families.
  base->route.addr.src_sin.sin_port = htons(port);
  // One that listens at all addresses is at no device yet.
  if (isAny(address)) return 0;
  base->verbs = context();
  base->port_num = 1;
  return 0;
}

int listen(rdma_cm_id* base, int) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  id->listening = ntohs(base->route.addr.src_sin.sin_port);
  manager().listeners[id->listening] = id;
  if (hasNetwork()) listenAt(id->listening);
  return 0;
}

int resolveAddr(rdma_cm_id* base, sockaddr*, sockaddr* destination, int) {
  std::lock_guard<std::mutex> guard(manager().lock);
  keepAddress(&base->route.addr.dst_storage, destination);
  if (isNowhere(destination)) {
    send(idOf(base), RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
    return 0;
  }
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

// 255 asks for all that the device has, as in rdma_connect(3); more than it has is refused.
bool takeDepth(uint8_t* depth) {
  const uint8_t most = world().readsMax;
  if (*depth == 255) *depth = most;
  if (*depth <= most) return true;
  errno = EINVAL;
  return false;
}

void agree(FakeId* id, const rdma_conn_param& theirs) {
  id->readsIn = theirs.initiator_depth;
  id->readsOut = theirs.responder_resources;
}

FakeId* makeRequest(FakeId* listener, const rdma_conn_param* parameters) {
  FakeId* request = makeId(listener->id.channel);
  request->id.verbs = context();
  request->id.port_num = 1;
  request->id.route.addr.dst_sin.sin_family = AF_INET;
  request->id.route.addr.dst_sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  request->peerQpNum = parameters->qp_num;
  agree(request, *parameters);
  FakeEvent* event = send(request, RDMA_CM_EVENT_CONNECT_REQUEST);
  event->event.listen_id = &listener->id;
  carry(event, parameters, parameters->qp_num);
  return request;
}

int connect(rdma_cm_id* base, rdma_conn_param* parameters) {
  std::lock_guard<std::mutex> guard(manager().lock);
  if (!takeDepth(&parameters->responder_resources) || !takeDepth(&parameters->initiator_depth)) return -1;
  FakeId* id = idOf(base);
  const uint16_t port = ntohs(base->route.addr.dst_sin.sin_port);
  auto found = manager().listeners.find(port);
  if (found == manager().listeners.end() && hasNetwork()) id->wire = wireTo(port);
  if (id->wire != 0) {
    manager().byWire[id->wire] = id;
    id->qpNum = parameters->qp_num;
    sendOver(id, FrameKind::kRequest, parameters);
    return 0;
  }
  if (found == manager().listeners.end()) {
    // As RoCE answers a port on which nobody listens: "invalid service id".
    send(id, RDMA_CM_EVENT_REJECTED, 8);
    return 0;
  }
  FakeId* request = makeRequest(found->second, parameters);
  request->peer = id;
  id->peer = request;
  id->qpNum = parameters->qp_num;
  return 0;
}

int accept(rdma_cm_id* base, rdma_conn_param* parameters) {
  std::lock_guard<std::mutex> guard(manager().lock);
  if (!takeDepth(&parameters->responder_resources) || !takeDepth(&parameters->initiator_depth)) return -1;
  FakeId* id = idOf(base);
  if (id->wire != 0) {
    id->qpNum = parameters->qp_num;
    id->answered = true;
    addRoute(id->peerQpNum, id->wire);
    sendOver(id, FrameKind::kResponse, parameters);
    return 0;
  }
  if (id->peer == nullptr) {
    errno = ENOTCONN;
    return -1;
  }
  id->qpNum = id->peer->peerQpNum = parameters->qp_num;
  agree(id->peer, *parameters);
  carry(send(id->peer, RDMA_CM_EVENT_CONNECT_RESPONSE), parameters, id->qpNum);
  return 0;
}

int reject(rdma_cm_id* base, const void* data, uint8_t length) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  FakeId* peer = id->peer;
  rdma_conn_param parameters = {};
  parameters.private_data = data;
  parameters.private_data_len = length;
  if (id->wire != 0) {
    sendOver(id, FrameKind::kRejected, &parameters, 28);
    leaveWire(id);
    return 0;
  }
  if (peer == nullptr) return 0;
  id->peer = peer->peer = nullptr;
  carry(send(peer, RDMA_CM_EVENT_REJECTED, 28), &parameters, 0);
  return 0;
}

int establish(rdma_cm_id* base) {
  std::lock_guard<std::mutex> guard(manager().lock);
  if (idOf(base)->wire != 0) sendOver(idOf(base), FrameKind::kEstablished, nullptr);
  if (idOf(base)->peer != nullptr) send(idOf(base)->peer, RDMA_CM_EVENT_ESTABLISHED);
  return 0;
}

int disconnect(rdma_cm_id* base) {
  std::lock_guard<std::mutex> guard(manager().lock);
  FakeId* id = idOf(base);
  if (id->peer == nullptr && id->wire == 0) {
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
    attributes->path_mtu = world().activeMtu;
    attributes->dest_qp_num = idOf(base)->peerQpNum;
    attributes->max_dest_rd_atomic = idOf(base)->readsIn;
    *mask |= IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
             IBV_QP_MIN_RNR_TIMER | IBV_QP_AV;
  } else {
    attributes->max_rd_atomic = idOf(base)->readsOut;
    attributes->retry_cnt = attributes->rnr_retry = 7;
    *mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC;
  }
  return 0;
}

rdma_conn_param parametersOf(const Frame& frame, const Payload& payload) {
  rdma_conn_param parameters = {};
  parameters.qp_num = frame.from;
  parameters.responder_resources = frame.connection.responderResources;
  parameters.initiator_depth = frame.connection.initiatorDepth;
  parameters.private_data = payload.data();
  parameters.private_data_len = static_cast<uint8_t>(payload.size());
  return parameters;
}

void requested(WireId wire, const Frame& frame, const rdma_conn_param& parameters) {
  auto listener = manager().listeners.find(frame.connection.port);
  if (listener == manager().listeners.end()) {
    Frame refusal = {};
    refusal.kind = FrameKind::kRejected;
    refusal.connection.status = 8;
    sendFrame(wire, refusal, nullptr);
    endWire(wire);
    return;
  }
  FakeId* request = makeRequest(listener->second, &parameters);
  request->wire = wire;
  manager().byWire[wire] = request;
}

}  // namespace

void heardOfConnection(WireId wire, const Frame& frame, const Payload& payload) {
  std::lock_guard<std::mutex> guard(manager().lock);
  const rdma_conn_param parameters = parametersOf(frame, payload);
  if (frame.kind == FrameKind::kRequest) return requested(wire, frame, parameters);
  auto found = manager().byWire.find(wire);
  if (found == manager().byWire.end()) return;
  FakeId* id = found->second;
  switch (frame.kind) {
    case FrameKind::kResponse:
      id->answered = true;
      id->peerQpNum = frame.from;
      agree(id, parameters);
      addRoute(frame.from, wire);
      carry(send(id, RDMA_CM_EVENT_CONNECT_RESPONSE), &parameters, frame.from);
      break;
    case FrameKind::kRejected:
      carry(send(id, RDMA_CM_EVENT_REJECTED, frame.connection.status), &parameters, 0);
      leaveWire(id);
      break;
    default:
      send(id, RDMA_CM_EVENT_ESTABLISHED);
  }
}

void connectionEnded(WireId wire) {
  std::lock_guard<std::mutex> guard(manager().lock);
  auto found = manager().byWire.find(wire);
  if (found == manager().byWire.end()) return;
  FakeId* id = found->second;
  manager().byWire.erase(found);
  id->wire = 0;
  if (id->answered)
    send(id, RDMA_CM_EVENT_DISCONNECTED);
  else
    send(id, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT);
}

size_t openIds() {
  std::lock_guard<std::mutex> guard(manager().lock);
  return manager().ids.size();
}

void removeDevice() {
  std::lock_guard<std::mutex> guard(manager().lock);
  for (FakeId* id : manager().ids) {
    if (id->peer != nullptr || id->wire != 0) send(id, RDMA_CM_EVENT_DEVICE_REMOVAL);
  }
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

#include "server.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "errors.h"
#include "fake/wire.h"
#include "ring.h"

namespace farside {
namespace {

constexpr uint32_t kMagic = 0x31445346;  // "FSD1"
constexpr uint16_t kVersion = 1;

enum class Ask : uint16_t { data = 0, fence = 1, report = 2 };
enum class Code : uint16_t {
  welcome = 0,
  notFarside = 1,
  otherVersion = 2,
  fencedOff = 3,
  tooMany = 4,
  failed = 5,
  fenced = 6,
  report = 7
};

struct Hello {
  uint32_t magic;
  uint16_t version;
  Ask ask;
  uint64_t incarnation;
};
static_assert(sizeof(Hello) == 16, "as drawn in server.h");

// Anyone can connect to a port. The magic and the version lie where every version will have them.
Code readHello(const std::vector<uint8_t>& data, Hello* hello) {
  if (data.size() < sizeof(Hello)) return Code::notFarside;
  std::memcpy(hello, data.data(), sizeof(Hello));
  if (hello->magic != kMagic) return Code::notFarside;
  if (hello->version != kVersion) return Code::otherVersion;
  return hello->ask > Ask::report ? Code::notFarside : Code::welcome;
}

bool asksForData(const CmEvent& request) {
  Hello hello = {};
  return readHello(request.privateData, &hello) == Code::welcome && hello.ask == Ask::data;
}

// Of this process, without the thread that acts for a fake device.
uint64_t processCpuMicroseconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto microseconds = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_usec);
  };
  const uint64_t all = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  return all - std::min(all, fake::threadCpuNs() / 1000);
}

// The queue pair's receives go under the ring that its completion queue belongs to; 0 or an errno.
int postReceives(Napi::Env env, const std::shared_ptr<Qp>& qp, uint32_t receives) {
  if (receives == 0) return 0;
  Ring* ring = qp->cq->ring;
  uint32_t queue = 0;
  if (ring == nullptr || ring->pd != qp->pd) return EINVAL;
  if (ring->addQp(env, qp, {qp->cap.max_inline_data, UINT32_MAX}, &queue)) {
    return ring->addReceives(queue, receives);
  }
  env.GetAndClearPendingException();  // its completion queue is too small for one more
  return ENOSPC;
}

}  // namespace

Server::Server(const std::shared_ptr<CmId>& listener, const Limits& limits)
    : Resource(kKind, listener->library), listener_(listener.get()), limits_(limits) {
  listener->server = this;
}

int Server::release() {
  listener_->server = nullptr;
  while (!clients_.empty()) forget(clients_.begin());
  offers_.clear();
  return 0;
}

bool Server::hear(Napi::Env env, const CmEvent& event) {
  Server* server = (event.listener ? event.listener : event.id)->server;
  if (server == nullptr || event.id.get() == server->listener_) return false;
  switch (event.type) {
    case RDMA_CM_EVENT_CONNECT_REQUEST:
      if (asksForData(event) && server->offerFor(*event.id) == nullptr) return false;
      server->answer(env, event);
      break;
    case RDMA_CM_EVENT_DISCONNECTED:
    case RDMA_CM_EVENT_CONNECT_ERROR:
    case RDMA_CM_EVENT_UNREACHABLE:
    case RDMA_CM_EVENT_REJECTED:
    case RDMA_CM_EVENT_DEVICE_REMOVAL:
      server->forget(server->clients_.find(event.id.get()));
      break;
    default:
      break;  // ESTABLISHED, and the end of TIMEWAIT
  }
  return true;
}

void Server::offer(Offer offer) { offers_.push_back(std::move(offer)); }

const Server::Offer* Server::offerFor(const CmId& id) const {
  for (const Offer& offer : offers_) {
    const bool isHere = id.id->verbs != nullptr && offer.pd->isOpen() && offer.cq->isOpen() &&
                        offer.pd->device->name == library.getDeviceName(id.id->verbs->device);
    if (isHere) return &offer;
  }
  return nullptr;
}

void Server::answer(Napi::Env env, const CmEvent& request) {
  static_assert(sizeof(Answer) == 16, "as drawn in server.h");
  const Answer answer = decide(env, request);
  if (answer.code == static_cast<uint16_t>(Code::welcome)) return;
  library.reject(request.id->id, &answer, sizeof(answer));  // it may fail: whoever asked is gone then
  request.id->close();
}

Server::Answer Server::decide(Napi::Env env, const CmEvent& request) {
  const auto with = [](Code code, uint64_t value = 0) {
    return Answer{kMagic, kVersion, static_cast<uint16_t>(code), value};
  };
  Hello hello = {};
  const Code code = readHello(request.privateData, &hello);
  if (code != Code::welcome) return with(code);
  if (hello.ask == Ask::report) return with(Code::report, cpuMicroseconds());
  if (hello.ask == Ask::fence) {
    fence(hello.incarnation);
    return with(Code::fenced, hello.incarnation);
  }
  if (fenced_.count(hello.incarnation) != 0) return with(Code::fencedOff);
  if (clients_.size() >= limits_.connectionsMax) return with(Code::tooMany, limits_.connectionsMax);
  const Offer* offer = offerFor(*request.id);
  const int error = offer == nullptr ? ENODEV : accept(env, request, *offer, hello.incarnation);
  return error == 0 ? with(Code::welcome) : with(Code::failed, static_cast<uint64_t>(error));
}

int Server::accept(Napi::Env env, const CmEvent& request, const Offer& offer, uint64_t incarnation) {
  auto qp = openResponder(offer.pd, offer.cq, offer.receives);
  if (!qp) return errno;
  const int error = connect(env, request, offer, qp);
  if (error != 0) {
    qp->close();
    return error;
  }
  request.id->server = this;
  clients_[request.id.get()] = {request.id, qp, incarnation};
  return 0;
}

int Server::connect(Napi::Env env, const CmEvent& request, const Offer& offer,
                    const std::shared_ptr<Qp>& qp) {
  rdma_conn_param parameters = {};
  parameters.private_data = offer.welcome.data();
  parameters.private_data_len = static_cast<uint8_t>(offer.welcome.size());
  // The manager would take the peer's wish for granted, and the device refuse one that is too large.
  parameters.responder_resources = std::min(offer.responderResources, request.responderResources);
  parameters.initiator_depth = std::min(offer.initiatorDepth, request.initiatorDepth);
  parameters.retry_count = parameters.rnr_retry_count = 7;
  parameters.qp_num = qp->qp->qp_num;
  ibv_qp_attr wanted = limits_.wanted;
  wanted.qp_access_flags = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;
  wanted.max_dest_rd_atomic = parameters.responder_resources;
  wanted.max_rd_atomic = parameters.initiator_depth;
  const int wantedMask =
      limits_.wantedMask | IBV_QP_ACCESS_FLAGS | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MAX_QP_RD_ATOMIC;
  for (const ibv_qp_state state : {IBV_QPS_INIT, IBV_QPS_RTR, IBV_QPS_RTS}) {
    ibv_qp_attr attributes = {};
    int mask = 0;
    wanted.qp_state = state;
    const int error = modifyById(*qp, *request.id, wanted, wantedMask, &attributes, &mask);
    if (error != 0) return error;
  }
  // The peer posts nothing before it is accepted, so the receives are there in time.
  const int error = postReceives(env, qp, offer.receives);
  return error != 0 ? error : errnoOf(library.accept(request.id->id, &parameters));
}

void Server::fence(uint64_t incarnation) {
  fenced_.insert(incarnation);
  for (auto client = clients_.begin(); client != clients_.end();) {
    client = client->second.incarnation == incarnation ? forget(client) : std::next(client);
  }
}

// The queue pair goes first: from then on nothing of this client lands.
Server::Clients::iterator Server::forget(Clients::iterator client) {
  if (client == clients_.end()) return client;
  const Client gone = client->second;
  const auto next = clients_.erase(client);
  gone.id->server = nullptr;
  gone.qp->close();
  gone.id->close();
  return next;
}

void Server::countCpu() { cpuStart_ = processCpuMicroseconds(); }

uint64_t Server::cpuMicroseconds() const {
  if (!cpuStart_) return 0;
  const uint64_t now = processCpuMicroseconds();
  return now - std::min(now, *cpuStart_);
}

}  // namespace farside

// Connections by address, through rdma_cm: createEventChannel, createId, bindAddr, listen,
// resolveAddr, resolveRoute, connect, establish, accept, reject, disconnect, getCmEvent,
// watchEventChannel, modifyQpById.
//
// Queue pairs are made by createQp and not by rdma_create_qp, so that MTU, retries and timers are
// ours to set: modifyQpById takes what the connection manager knows of the peer and lets the caller
// overrule it. The active side then has to answer CONNECT_RESPONSE with `establish`.
#pragma once

#include <optional>
#include <vector>

#include "qp.h"
#include "resource.h"
#include "watch.h"

namespace farside {

class CmId;
class Server;

// What an event says, copied: it is acknowledged before anything is done about it, since an id cannot be
// destroyed while one of its events is not.
struct CmEvent {
  rdma_cm_event_type type;
  int status;
  std::shared_ptr<CmId> id;        // of a request, its own
  std::shared_ptr<CmId> listener;  // of a request
  bool isConnection;               // what follows was said
  uint8_t responderResources, initiatorDepth;
  uint32_t qpNum;
  std::vector<uint8_t> privateData;
};

class EventChannel : public Resource {
 public:
  static constexpr Kind kKind = Kind::eventChannel;
  EventChannel(const Library& library, rdma_event_channel* channel)
      : Resource(kKind, library), channel(channel) {}

  // The next event that no server deals with: 0, EAGAIN where none has come, or another errno.
  int next(Napi::Env env, CmEvent* event);
  // Deals with one event, or keeps it for JavaScript; true where there is something to be taken there. One,
  // because asking for another that has not come is a system call more; if it has, the event loop calls
  // again.
  bool take(Napi::Env env);

  rdma_event_channel* channel;
  FileWatch watch;

 protected:
  int release() override;

 private:
  int read(CmEvent* event);

  std::optional<CmEvent> kept_;
};

class CmId : public Resource {
 public:
  static constexpr Kind kKind = Kind::cmId;
  CmId(const Library& library, rdma_cm_id* id);

  rdma_cm_id* id;
  const double key;          // names it in events
  Server* server = nullptr;  // of a listener, the one who answers; of a connection, the one who accepted

 protected:
  int release() override;
};

// What one side of a connection says to the other: borrowed from a Buffer of the caller's.
struct PrivateData {
  const uint8_t* bytes = nullptr;
  uint8_t lengthBytes = 0;
};

// None where `value` is undefined; false with a pending exception where it is no Buffer of at most 255 bytes.
bool takePrivateData(Napi::Env env, Napi::Value value, const char* verb, PrivateData* data);

// ibv_modify_qp with what the connection manager knows of the peer and `wanted` overrules; 0 or an errno.
// What was done at last is in `attributes` and `mask`.
int modifyById(const Qp& qp, const CmId& id, const ibv_qp_attr& wanted, int wantedMask,
               ibv_qp_attr* attributes, int* mask);

void exportCm(Napi::Env env, Napi::Object exports);

}  // namespace farside

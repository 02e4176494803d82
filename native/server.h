// The side of connections that is connected to.
//
// It is all that a memory node does, so it runs without JavaScript: events of the connection manager end
// here, after a few system calls each. In an emulated guest, JavaScript was two thirds of what they cost.
//
// Who connects says hello in the private data of the request; requests are rejected with an answer, or
// accepted with a welcome that JavaScript wrote (handshake.ts is the other side of all three). Little-endian:
//
//   hello       0       4         6      8
//               +-------+---------+------+-------------+
//               | magic | version | kind | incarnation |
//               +-------+---------+------+-------------+
//   answer      0       4         6      8
//               +-------+---------+------+-------------+
//               | magic | version | code | value       |
//               +-------+---------+------+-------------+
#pragma once

#include <map>
#include <set>

#include "cm.h"

namespace farside {

class Server : public Resource {
 public:
  static constexpr Kind kKind = Kind::server;

  // Attributes that its queue pairs have whatever the connection manager would give them.
  struct Limits {
    ibv_qp_attr wanted;
    int wantedMask;
    size_t connectionsMax;
  };
  // What is served on a device. `receives` of each queue pair go under the ring of its completion queue.
  struct Offer {
    std::shared_ptr<Pd> pd;
    std::shared_ptr<Cq> cq;
    std::vector<uint8_t> welcome;
    uint8_t responderResources, initiatorDepth;
    uint32_t receives;
  };

  Server(const std::shared_ptr<CmId>& listener, const Limits& limits);

  // False where it is left to JavaScript: what concerns no server, and requests for data by a device that
  // nothing is offered on.
  static bool hear(Napi::Env env, const CmEvent& event);

  void offer(Offer offer);
  // Accepts or rejects.
  void answer(Napi::Env env, const CmEvent& request);
  // When it returns, no verb of that incarnation takes effect here any more, now or later.
  void fence(uint64_t incarnation);
  // From now on CPU time counts.
  void countCpu();
  uint64_t cpuMicroseconds() const;
  size_t connections() const { return clients_.size(); }

 protected:
  int release() override;

 private:
  struct Client {
    std::shared_ptr<CmId> id;
    std::shared_ptr<Qp> qp;
    uint64_t incarnation;
  };
  using Clients = std::map<const CmId*, Client>;
  struct Answer {
    uint32_t magic;
    uint16_t version, code;
    uint64_t value;
  };

  const Offer* offerFor(const CmId& id) const;
  // Code `welcome` where it was accepted; the request is rejected with all else.
  Answer decide(Napi::Env env, const CmEvent& request);
  int accept(Napi::Env env, const CmEvent& request, const Offer& offer, uint64_t incarnation);
  int connect(Napi::Env env, const CmEvent& request, const Offer& offer, const std::shared_ptr<Qp>& qp);
  Clients::iterator forget(Clients::iterator client);

  CmId* listener_;  // a parent, which the base class keeps alive
  const Limits limits_;
  std::vector<Offer> offers_;
  Clients clients_;
  std::set<uint64_t> fenced_;
  std::optional<uint64_t> cpuStart_;
};

void exportServer(Napi::Env env, Napi::Object exports);

}  // namespace farside

// Exit 0 if this member serves as primary or secondary. The first member makes a fresh set of those in MONGO_MEMBERS.
const fs = require("fs");
const members = process.env.MONGO_MEMBERS;
const hello = db.hello();
if (members && !hello.setName) {
  db.getSiblingDB("admin").auth("root", fs.readFileSync("/run/secrets/mongo_root_password", "utf8").trim());
  rs.initiate({ _id: "flights", members: members.split(",").map((host, id) => ({ _id: id, host })) });
}
quit(hello.isWritablePrimary || hello.secondary ? 0 : 1);

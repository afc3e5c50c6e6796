// Questions to the assistant of one room: those that wait, and the reader's own that got no answer.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Questions } from "../../web/js/models/questions.js";

describe("questions to the assistant", () => {
  const wait = (run, more = {}) => ({ ev: "ai.wait", room: "r_1", message: `m_${run}`, run, asker: "u_1", place: 1, ...more });
  const refusal = (message) => ({ ev: "ai.refused", room: "r_1", message, code: "ai_busy", msg: "no", temporary: true, retry_ms: 5000 });
  const book = () => {
    const told = [];
    return { told, questions: new Questions("u_1", () => told.push("told")) };
  };

  it("wait until their turn comes, or nobody wants it any more, and are told anew with the room", () => {
    const { told, questions } = book();
    questions.take(wait("run_1", { place: 2 }));
    questions.take(wait("run_2", { asker: "u_2" }));
    questions.take(wait("run_1"));
    assert.deepEqual([questions.waitOf("m_run_1").place, questions.waitOf("m_run_2").asker, questions.waitOf("m_9"), questions.waitOf(null)], [1, "u_2", null, null]);
    questions.take({ ev: "ai.unwait", room: "r_1", message: "m_run_1", run: "run_1", asker: "u_1" });
    questions.begun({ run: "run_2", asker: "u_2" });
    assert.deepEqual([questions.waitOf("m_run_1"), questions.waitOf("m_run_2"), told.length], [null, null, 4]);
    questions.take(wait("run_3"));
    questions.opened();
    assert.equal(questions.waitOf("m_run_3"), null);
    questions.take({ ev: "member.dance", room: "r_1" });
    assert.equal(told.length, 5, "what else is told is not theirs");
  });

  it("say why there is no answer until one is done with it, or asks again", () => {
    const { questions } = book();
    const again = [() => questions.dismiss(), () => questions.take(wait("run_1")), () => questions.begun({ run: "run_1", asker: "u_1" })];
    for (const done of again) {
      questions.take(refusal("m_5"));
      questions.take(wait("run_2", { asker: "u_2" }));
      questions.begun({ run: "run_2", asker: "u_2" });
      questions.opened();
      const { code, retryMs } = questions.problemOf("m_5");
      assert.deepEqual([code, retryMs, questions.problemOf("m_6"), questions.problemOf(null)], ["ai_busy", 5000, null, null]);
      done();
      assert.equal(questions.problemOf("m_5"), null);
    }
    questions.take(refusal("m_5"));
    questions.take(refusal("m_6"));
    assert.deepEqual([questions.problemOf("m_5"), questions.problemOf("m_6").code], [null, "ai_busy"]);
  });
});

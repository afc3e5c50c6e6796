/**
 * Emoji to pick from, each with words that find it. Not all there are: those that people use; any
 * other can be typed.
 */

/** @param {string} lines `emoji words, emoji words` @returns {[string, string][]} */
const table = (lines) =>
  lines.split(",").map((entry) => {
    const [emoji, ...words] = entry.trim().split(" ");
    return [emoji, words.join(" ")];
  });

/** @type {Record<string, [string, string][]>} */
export const EMOJI = {
  faces: table(`😀 grin 웃음, 😄 smile 미소, 😆 laugh ㅋㅋ, 😂 joy tears 눈물 웃음, 🤣 rofl 데굴데굴, 😊 blush 수줍, 🙂 slight 미소, 😉 wink 윙크,
    😍 love eyes 반함, 🥰 adore 사랑, 😘 kiss 뽀뽀, 😋 yum 맛있, 😛 tongue 메롱, 🤪 zany 장난, 🤗 hug 포옹, 🤭 oops 쉿 웃음, 🤫 shush 쉿,
    🤔 think 생각, 🫡 salute 경례, 😐 neutral 무표정, 😏 smirk 흐흐, 🙄 eyeroll 어이, 😬 grimace 이크, 😌 relief 안도, 😴 sleep 졸림,
    🥱 yawn 하품, 😷 mask 마스크, 🤒 sick 아픔, 🤯 mind blown 충격, 🥳 party 축하, 😎 cool 멋짐, 🤓 nerd 공부, 😕 confused 갸웃,
    😟 worried 걱정, 😮 wow 놀람, 😳 flushed 당황, 🥺 plead 부탁, 😢 cry 울음, 😭 sob 엉엉, 😱 scream 비명, 😤 huff 흥, 😡 angry 화남,
    🤬 curse 욕, 💀 dead skull 죽음, 💩 poop 똥, 🤡 clown 광대, 👻 ghost 유령, 🤖 robot 로봇`),
  people: table(`👍 thumbs up yes 좋아 최고, 👎 thumbs down no 싫어, 👌 ok 오케이, ✌️ peace victory 브이, 🤞 luck 행운, 🫶 heart hands 하트, 🤟 love you 사랑,
    🤙 call 전화, 👈 left 왼쪽, 👉 right 오른쪽, 👆 up 위, 👇 down 아래, ☝️ point 하나, ✋ hand stop 손, 👋 wave hi 안녕, 👏 clap 박수,
    🙌 hooray 만세, 🙏 thanks please 감사 부탁, 🤝 handshake deal 악수, 💪 strong 힘, ✍️ write 쓰기, 👀 eyes look 봄, 🧠 brain 뇌,
    🙋 raise hand 저요, 🤷 shrug 글쎄, 🤦 facepalm 이런, 🙇 bow sorry 죄송, 💃 dance 춤, 🏃 run 달리기, 🚴 bike 자전거`),
  hearts: table(`❤️ heart love 하트 사랑, 🧡 orange heart, 💛 yellow heart 노랑, 💚 green heart 초록, 💙 blue heart 파랑, 💜 purple heart 보라, 🖤 black heart,
    🤍 white heart, 💔 broken heart 이별, 💕 hearts 두근, 💯 hundred 백점, ✨ sparkles 반짝, 🔥 fire 불, 💥 boom 쾅, 💫 dizzy star, ⭐ star 별,
    🎉 tada party 축하, 🎊 confetti 축하, 🏆 trophy 우승, 🥇 gold 금메달, 🎁 gift 선물, ✅ check done 완료, ☑️ checked 확인, ❌ no cross 아니,
    ❓ question 질문, ❗ important 중요, ⚠️ warning 주의, 🚫 forbidden 금지, 💡 idea 생각, 📌 pin 고정, 📣 announce 공지, 🔔 bell 알림,
    ➕ plus 더하기, ➖ minus 빼기, 🆗 ok, 🆕 new 새로`),
  things: table(`☕ coffee 커피, 🍵 tea 차, 🍺 beer 맥주, 🍻 cheers 건배, 🥂 toast 축배, 🍷 wine 와인, 🧋 bubble tea 버블티, 🍚 rice 밥, 🍜 noodles 라면, 🍕 pizza 피자,
    🍔 burger 햄버거, 🍗 chicken 치킨, 🥗 salad 샐러드, 🍱 lunch 도시락, 🍰 cake 케이크, 🎂 birthday 생일, 🍎 apple 사과, 🍓 strawberry 딸기,
    🐶 dog 강아지, 🐱 cat 고양이, 🐰 rabbit 토끼, 🐻 bear 곰, 🐼 panda 판다, 🐧 penguin 펭귄, 🦊 fox 여우, 🐸 frog 개구리, 🐢 turtle 거북,
    🌸 blossom 벚꽃, 🌻 sunflower 해바라기, 🌱 sprout 새싹, 🍀 clover 클로버 행운, 🌈 rainbow 무지개, ☀️ sun 해, 🌙 moon 달, ⛅ cloud 구름,
    ☔ rain umbrella 비, ❄️ snow 눈, ⚽ soccer 축구, 🏀 basketball 농구, 🎾 tennis 테니스, 🏸 badminton 배드민턴, 🎮 game 게임, 🎵 music 음악,
    🎸 guitar 기타, 📚 books 책, ✏️ pencil 연필, 📝 memo 메모, 💻 laptop 노트북, 📷 camera 카메라, 📅 calendar 달력 일정, ⏰ alarm 시간,
    💰 money 돈, 🚀 rocket 로켓, ✈️ plane 비행기, 🚗 car 차, 🏠 home 집, 🏕️ camping 캠핑, 🗳️ vote 투표, 🔧 tool 도구, 🐛 bug 버그`),
};

const KEY = "moim.emoji";
const MOST_RECENT = 16;
const USUAL = ["👍", "❤️", "😂", "🎉", "👀", "🙏"];

/** @param {string} query @returns {[string, string][]} */
export function findEmoji(query) {
  const wanted = query.toLowerCase();
  return Object.values(EMOJI).flat().filter(([emoji, words]) => emoji === query || words.split(" ").some((word) => word.startsWith(wanted)));
}

/** Those that were picked last, before those that everybody picks. */
export class RecentEmoji {
  #storage;

  /** @param {Pick<Storage, "getItem" | "setItem">} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @returns {string[]} */
  get list() {
    try {
      const kept = JSON.parse(this.#storage.getItem(KEY) ?? "[]");
      return [...new Set([...kept, ...USUAL])].slice(0, MOST_RECENT);
    } catch {
      return USUAL;
    }
  }

  /** @param {string} emoji */
  use(emoji) {
    try {
      this.#storage.setItem(KEY, JSON.stringify([...new Set([emoji, ...this.list])].slice(0, MOST_RECENT)));
    } catch {
      // Without storage the usual ones have to do.
    }
  }
}

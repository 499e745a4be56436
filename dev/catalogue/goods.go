package catalogue

import (
	"fmt"
	"math/rand/v2"
)

// goods are what the shop sells, p1 first; prices in won.
var goods = []struct {
	group, name string
	price       int64
}{
	{"COF", "하우스 블렌드 원두 500g", 18_900},
	{"COF", "에티오피아 예가체프 원두 200g", 14_500},
	{"COF", "콜롬비아 수프리모 원두 200g", 12_800},
	{"COF", "Decaf Blend Whole Bean 200g", 13_900},
	{"COF", "콜드브루 원액 1L", 16_000},
	{"COF", "핸드드립 세트 (드리퍼, 서버, 필터 40매)", 39_000},
	{"COF", "Ceramic Dripper V60 02", 24_000},
	{"COF", "전동 커피 그라인더", 89_000},
	{"COF", "구스넥 드립 주전자 600ml", 42_500},
	{"COF", "종이 필터 100매", 4_900},
	{"TEA", "제주 유기농 녹차 50티백", 15_900},
	{"TEA", "보성 세작 잎차 60g", 28_000},
	{"TEA", "Earl Grey Loose Leaf 100g", 17_500},
	{"TEA", "캐모마일 허브티 20티백", 8_900},
	{"TEA", "유자차 1kg", 13_500},
	{"TEA", "Glass Teapot with Infuser 800ml", 31_000},
	{"MUG", "백자 머그 350ml", 19_000},
	{"MUG", "Enamel Camping Mug 400ml", 12_000},
	{"MUG", "이중 유리컵 2개 세트", 22_000},
	{"MUG", "한정판 청자 찻잔", 145_000},
	{"MUG", "Stainless Tumbler 500ml", 27_900},
	{"MUG", "보온 텀블러 750ml", 33_000},
	{"KIT", "무쇠 프라이팬 26cm", 54_000},
	{"KIT", "원목 도마 (느티나무)", 36_500},
	{"KIT", "Chef's Knife 20cm", 79_000},
	{"KIT", "실리콘 주걱 3종", 11_900},
	{"KIT", "스테인리스 계량컵 세트", 9_900},
	{"KIT", "디지털 주방 저울 3kg", 21_500},
	{"KIT", "뚝배기 중형", 16_800},
	{"KIT", "유기 수저 세트 2인", 68_000},
	{"KIT", "밀폐 유리 용기 6종", 29_900},
	{"KIT", "Linen Kitchen Towel, set of 3", 18_000},
	{"STA", "만년필 EF촉", 58_000},
	{"STA", "Notebook A5 dotted, 192 pages", 14_000},
	{"STA", "한지 편지지 세트", 9_500},
	{"STA", "볼펜 0.5mm 10자루", 12_000},
	{"STA", "책상 달력", 8_000},
	{"STA", "Leather Pencil Case", 32_000},
	{"STA", "붓펜 3색", 7_500},
	{"STA", "마스킹 테이프 5종", 6_900},
	{"HOM", "소이 캔들 라벤더 200g", 23_000},
	{"HOM", "린넨 쿠션 커버 45cm", 19_900},
	{"HOM", "Wool Throw Blanket 130x180", 74_000},
	{"HOM", "무선 LED 스탠드", 45_000},
	{"HOM", "자개 보석함", 188_000},
	{"HOM", "디퓨저 우드 100ml", 26_000},
	{"HOM", "라탄 수납 바구니", 28_500},
	{"HOM", "벽시계 무소음 30cm", 34_000},
	{"OUT", "백패킹 의자 900g", 49_000},
	{"OUT", "Titanium Spork", 15_000},
	{"OUT", "캠핑 랜턴 충전식", 38_000},
	{"OUT", "방수 드라이백 20L", 24_900},
	{"OUT", "Merino Hiking Socks", 18_500},
	{"OUT", "접이식 물통 5L", 11_000},
	{"OUT", "등산 스틱 2개 1조", 62_000},
	{"GFT", "선물 상자 소", 3_500},
	{"GFT", "선물 상자 대", 5_500},
	{"GFT", "보자기 포장", 4_000},
	{"GFT", "Gift Card Envelope", 1_500},
	{"GFT", "장인 한정판 나전 명함집", 120_000},
}

// streets make addresses that look like ones.
var streets = []func(*rand.Rand) string{
	func(r *rand.Rand) string {
		return fmt.Sprintf("서울특별시 %s %s %d, %d층", pick(r, []string{"마포구", "성동구", "종로구", "강남구", "은평구"}),
			pick(r, []string{"햇살로", "느티나무길", "강변대로", "책방길"}), 1+r.IntN(300), 1+r.IntN(9))
	},
	func(r *rand.Rand) string {
		return fmt.Sprintf("부산광역시 %s %s %d, %d동 %d호", pick(r, []string{"해운대구", "수영구", "동래구"}),
			pick(r, []string{"바다로", "갈매기길", "등대로"}), 1+r.IntN(200), 101+r.IntN(9), 100*(1+r.IntN(20))+1+r.IntN(4))
	},
	func(r *rand.Rand) string {
		return fmt.Sprintf("%s %s %d", pick(r, []string{"대전광역시 유성구", "제주특별자치도 제주시", "경기도 수원시 팔달구", "광주광역시 남구", "강원특별자치도 강릉시"}),
			pick(r, []string{"돌담길", "솔숲로", "시장길", "호수로"}), 1+r.IntN(150))
	},
	func(r *rand.Rand) string {
		return fmt.Sprintf("%d %s, %s, Korea", 1+r.IntN(200), pick(r, []string{"Haetsal-ro", "Neutinamu-gil", "Hosu-ro"}),
			pick(r, []string{"Mapo-gu, Seoul", "Suseong-gu, Daegu", "Yeonsu-gu, Incheon"}))
	},
}

// wishes are what customers write beside an order.
var wishes = []string{
	"부재 시 문 앞에 놓아주세요.",
	"배송 전에 연락 부탁드립니다.",
	"선물용입니다. 가격표를 빼주세요.",
	"경비실에 맡겨주세요.",
	"벨을 누르지 말아주세요, 아기가 자고 있어요 🙏",
	"공동현관 비밀번호는 문자로 보내드릴게요.",
	"Please leave it at the door.",
	"It's a gift: no invoice in the box, please.",
	"Call me before you deliver.",
	"Two parcels are fine if one item is late.",
	"주말 배송은 피해주세요. Weekdays only, please.",
}
